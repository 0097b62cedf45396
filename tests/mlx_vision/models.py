"""Models that see, of a few hundred thousand random weights, in the layout of Hugging Face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
IMAGE_TOKENS = {
    "qwen2_vl": ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|placeholder|>"],
    "qwen3_vl": ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|placeholder|>"],
    "llava": ["<image>"],
}
WRITTEN = {
    "qwen2_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "llava": "<image>\n",
}
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}IMAGE{% else %}{{ c.text }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "tie_word_embeddings": True,
    "max_position_embeddings": 4096,
}


def write_tokenizer(folder: Path, kind: str) -> Any:
    """Byte-level BPE, with the tokens that stand for images."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=SPECIALS + IMAGE_TOKENS[kind],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([Path(json.__file__).read_text(), Path(__file__).read_text()], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": TEMPLATE.replace("IMAGE", WRITTEN[kind]),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return tokenizer


def qwen2_vl(ids: Any, size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    vision = {
        "model_type": "qwen2_vl",
        "depth": 2,
        "embed_dim": 64,
        "hidden_size": 64,
        "num_heads": 4,
        "patch_size": 14,
        "mlp_ratio": 2,
        "in_channels": 3,
        "spatial_patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    config = {
        **TEXT,
        "model_type": "qwen2_vl",
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "vocab_size": size,
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_config": vision,
    }
    return config, _qwen_processor("Qwen2VL", 14)


def qwen3_vl(ids: Any, size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    text = {
        **TEXT,
        "model_type": "qwen3_vl_text",
        "vocab_size": size,
        "head_dim": 16,
        "rope_scaling": {"type": "default", "mrope_section": [2, 3, 3], "mrope_interleaved": True},
    }
    vision = {
        "model_type": "qwen3_vl",
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "out_hidden_size": 64,
        "num_heads": 4,
        "patch_size": 16,
        "in_channels": 3,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
    }
    config = {
        "model_type": "qwen3_vl",
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "vocab_size": size,
        "tie_word_embeddings": True,
        "text_config": text,
        "vision_config": vision,
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
    }
    return config, _qwen_processor("Qwen3VL", 16)


def llava(ids: Any, size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    vision = {
        "model_type": "clip_vision_model",
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
        "projection_dim": 64,
        "vocab_size": size,
        "num_channels": 3,
        "layer_norm_eps": 1e-5,
    }
    config = {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "vocab_size": size,
        "image_token_index": ids("<image>"),
        "vision_feature_select_strategy": "default",
        "vision_feature_layer": -1,
        "text_config": {**TEXT, "model_type": "llama", "vocab_size": size, "tie_word_embeddings": False},
        "vision_config": vision,
    }
    square = {"height": 56, "width": 56}
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "LlavaProcessor",
        "size": {"shortest_edge": 56},
        "crop_size": square,
        "patch_size": 14,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    return config, processor


KINDS = {"qwen2_vl": qwen2_vl, "qwen3_vl": qwen3_vl, "llava": llava}


def write_model(folder: Path, kind: str, seed: int = 0) -> Path:
    """The folder of a random model."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_vlm.utils import get_model_and_args, update_module_configs

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(folder, kind)
    config, processor = KINDS[kind](tokenizer.token_to_id, tokenizer.get_vocab_size())
    config["eos_token_id"] = [tokenizer.token_to_id("<|im_end|>")]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    if kind == "llava":
        own = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
        (folder / "processor_config.json").write_text(json.dumps({"processor_class": "LlavaProcessor", **own}))
    copy = json.loads(json.dumps(config))
    copy.setdefault("text_config", {})
    module, _ = get_model_and_args(copy)
    settings = module.ModelConfig.from_dict(copy)
    settings = update_module_configs(settings, module, copy, ["text", "vision"])
    parameters = tree_flatten(module.Model(settings).parameters())
    keys = mx.random.split(mx.random.key(seed), len(parameters))
    # Logits of tokens that stand for images are 0, never the highest: such an answer could not go into a next prompt.
    marks = mx.array([tokenizer.token_to_id(token) for token in IMAGE_TOKENS[kind]])
    weights: dict[str, Any] = {}
    for key, (name, value) in zip(keys, parameters, strict=True):
        weights[name] = value if value.ndim == 1 else mx.random.normal(value.shape, key=key) * 0.15
        if name.endswith(("embed_tokens.weight", "lm_head.weight")):
            weights[name][marks] = 0
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    return folder


def _qwen_processor(name: str, patch: int) -> dict[str, Any]:
    side = 2 * patch
    return {
        "image_processor_type": f"{name.replace('3', '2')}ImageProcessor",
        "processor_class": f"{name}Processor",
        "patch_size": patch,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "min_pixels": side * side,
        "max_pixels": side * side * 16,
        "size": {"shortest_edge": side * side, "longest_edge": side * side * 16},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
