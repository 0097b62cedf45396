"""A random model that sees, of a useful size: a picture costs what it costs, the text means nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from benchmarks.random_models import SPECIALS, VOCABULARY, make_tokenizer

IMAGE_TOKENS = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|placeholder|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PATCH = 14
SIDE = 2 * PATCH


def make_vision(folder: Path, positions: int = 144) -> Path:
    """A Qwen2-VL of 15 million float32 parameters; a picture takes at most so many positions. Made once."""
    if (folder / "model.safetensors").exists():
        return folder
    from mlx_vlm.utils import get_model_and_args, update_module_configs

    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder)
    settings = _settings()
    (folder / "config.json").write_text(json.dumps(settings))
    processor = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2VLProcessor",
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "min_pixels": SIDE * SIDE,
        "max_pixels": SIDE * SIDE * positions,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    copied = json.loads(json.dumps(settings)) | {"text_config": {}}
    module, _ = get_model_and_args(copied)
    config = update_module_configs(module.ModelConfig.from_dict(copied), module, copied, ["text", "vision"])
    mx.random.seed(0)
    weights = {
        name: value if value.ndim == 1 else mx.random.normal(value.shape) * 0.05
        for name, value in tree_flatten(module.Model(config).parameters())
    }
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    return folder


def _write_tokenizer(folder: Path) -> None:
    """That of the text models, with the tokens of images after its own."""
    make_tokenizer(folder)
    file = folder / "tokenizer.json"
    found = json.loads(file.read_text())
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    found["added_tokens"] += [
        {"id": VOCABULARY + at, "content": token, **flags} for at, token in enumerate(IMAGE_TOKENS)
    ]
    file.write_text(json.dumps(found))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": TEMPLATE}))


def _settings() -> dict[str, Any]:
    vision = {
        "model_type": "qwen2_vl",
        "depth": 4,
        "embed_dim": 256,
        "hidden_size": 384,
        "num_heads": 4,
        "patch_size": PATCH,
        "mlp_ratio": 4,
        "in_channels": 3,
        "spatial_patch_size": PATCH,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    return {
        "model_type": "qwen2_vl",
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "intermediate_size": 1024,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "rope_scaling": {"type": "mrope", "mrope_section": [8, 12, 12]},
        "tie_word_embeddings": True,
        "max_position_embeddings": 32768,
        "vocab_size": VOCABULARY + len(IMAGE_TOKENS),
        "image_token_id": VOCABULARY + 2,
        "video_token_id": VOCABULARY + 3,
        "vision_start_token_id": VOCABULARY,
        "eos_token_id": [SPECIALS.index("<|im_end|>")],
        "vision_config": vision,
    }
