"""Writes the model that `train` made as GGUF files of the same values: one that reads text, and its projector.

    python -m tools.vision_model.export tests/mlx_vision/squares OUT

In OUT are `squares.gguf` and `squares-mmproj.gguf`. A model of another form than LLaVA 1.5's is refused.

llama.cpp puts CLIP's class token behind the patches and takes it for the last of them, where LLaVA leaves it out
(ggml-org/llama.cpp#25814). Colours come out right all the same; what depends on a patch's place may not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
from safetensors.numpy import load_file

from tools.gguf_rows import Array, interleaved

Weights = Mapping[str, Array]

# Of each layer, the name in Hugging Face's layout and in GGUF.
_TEXT = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_VISION = {
    "layer_norm1": "ln1",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "layer_norm2": "ln2",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
_AROUND_TEXT = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_TOWER = "vision_tower.vision_model."
_AROUND_VISION = {
    f"{_TOWER}pre_layrnorm": "v.pre_ln",
    "multi_modal_projector.linear_1": "mm.0",
    "multi_modal_projector.linear_2": "mm.2",
}
# What llama.cpp computes of these, whatever the config says.
_NEEDED = {
    "vision_config.model_type": "clip_vision_model",
    "vision_config.hidden_act": "quick_gelu",
    "vision_feature_select_strategy": "default",
}
_DEFAULTS = {"vision_config.hidden_act": "quick_gelu"}  # of CLIP, in Hugging Face's library


class Files(NamedTuple):
    """What a GGUF model that sees consists of."""

    model: Path
    projector: Path


def export(folder: Path, out: Path) -> Files:
    """Raises ValueError for a model of another form."""
    config = _read(folder / "config.json")
    _check(config)
    weights = load_file(folder / "model.safetensors")
    out.mkdir(parents=True, exist_ok=True)
    files = Files(out / "squares.gguf", out / "squares-mmproj.gguf")
    text = gguf.GGUFWriter(str(files.model), "llama")
    _describe_text(text, config)
    _add_tokenizer(text, folder, config)
    _write(text, _text_tensors(weights, config["text_config"]))
    projector = gguf.GGUFWriter(str(files.projector), "clip")
    _describe_projector(projector, config, _read(folder / "preprocessor_config.json"))
    _write(projector, _projector_tensors(weights, config["vision_config"]["num_hidden_layers"]))
    return files


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _check(config: dict[str, Any]) -> None:
    flat = _DEFAULTS | config | {f"vision_config.{name}": value for name, value in config["vision_config"].items()}
    for name, needed in _NEEDED.items():
        if flat.get(name) != needed:
            raise ValueError(f"{name} is {flat.get(name)!r}, but only {needed!r} can be written for llama.cpp.")


# ------------------------------------------------------------------ text


def _describe_text(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    text = config["text_config"]
    head = text["hidden_size"] // text["num_attention_heads"]
    writer.add_name("squares")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(text["max_position_embeddings"])
    writer.add_embedding_length(text["hidden_size"])
    writer.add_block_count(text["num_hidden_layers"])
    writer.add_feed_forward_length(text["intermediate_size"])
    writer.add_head_count(text["num_attention_heads"])
    writer.add_head_count_kv(text["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(text["rms_norm_eps"])
    writer.add_rope_freq_base(text["rope_theta"])
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(text["vocab_size"])


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    described = _read(folder / "tokenizer.json")
    settings = _read(folder / "tokenizer_config.json")
    ids: dict[str, int] = described["model"]["vocab"]
    control = {token["id"] for token in described["added_tokens"]}
    tokens = sorted(ids, key=ids.__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if at in control else gguf.TokenType.NORMAL for at in range(len(tokens))]
    )
    writer.add_token_merges([" ".join(merge) for merge in described["model"]["merges"]])
    (end,) = config["eos_token_id"]
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(ids[settings["pad_token"]])
    writer.add_add_bos_token(False)
    writer.add_chat_template(settings["chat_template"])


def _text_tensors(weights: Weights, text: dict[str, Any]) -> Iterator[tuple[str, Array]]:
    heads = {"attn_q": text["num_attention_heads"], "attn_k": text["num_key_value_heads"]}
    for theirs, name in _AROUND_TEXT.items():
        yield f"{name}.weight", weights[f"language_model.{theirs}.weight"]
    for layer in range(text["num_hidden_layers"]):
        for theirs, name in _TEXT.items():
            tensor = weights[f"language_model.model.layers.{layer}.{theirs}.weight"]
            yield f"blk.{layer}.{name}.weight", interleaved(tensor, heads[name]) if name in heads else tensor


# ------------------------------------------------------------------ projector


def _describe_projector(writer: gguf.GGUFWriter, config: dict[str, Any], processor: dict[str, Any]) -> None:
    """Neither `clip.use_gelu` nor `clip.use_silu`: then its activation is the quick GELU, as in mlx-vlm."""
    vision = config["vision_config"]
    sizes = {
        "image_size": vision["image_size"],
        "patch_size": vision["patch_size"],
        "embedding_length": vision["hidden_size"],
        "feed_forward_length": vision["intermediate_size"],
        "block_count": vision["num_hidden_layers"],
        "attention.head_count": vision["num_attention_heads"],
        "projection_dim": config["text_config"]["hidden_size"],
    }
    writer.add_string("general.type", "mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    for name, value in sizes.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", vision["layer_norm_eps"])
    writer.add_array("clip.vision.feature_layer", [_layers_used(config)])
    for name in ("image_mean", "image_std"):
        writer.add_array(f"clip.vision.{name}", processor[name])


def _layers_used(config: dict[str, Any]) -> int:
    """After how many layers the features are taken: 0 is the encoder's input, and -1 after the last."""
    layer: int = config["vision_feature_layer"]
    return layer if layer >= 0 else config["vision_config"]["num_hidden_layers"] + 1 + layer


def _projector_tensors(weights: Weights, layers: int) -> Iterator[tuple[str, Array]]:
    """Without the encoder's last norm: a LLaVA takes what is before it, and llama.cpp would compute it."""
    patches = weights[f"{_TOWER}embeddings.patch_embedding.weight"]
    yield "v.patch_embd.weight", patches.transpose(0, 3, 1, 2)  # MLX has the colours last
    yield "v.class_embd", weights[f"{_TOWER}embeddings.class_embedding"]
    yield "v.position_embd.weight", weights[f"{_TOWER}embeddings.position_embedding.weight"].astype(np.float32)
    names = dict(_AROUND_VISION)
    for layer in range(layers):
        names |= {
            f"{_TOWER}encoder.layers.{layer}.{theirs}": f"v.blk.{layer}.{name}" for theirs, name in _VISION.items()
        }
    for theirs, name in names.items():
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", weights[f"{theirs}.{kind}"]


# ------------------------------------------------------------------ files


def _write(writer: gguf.GGUFWriter, tensors: Iterator[tuple[str, Array]]) -> None:
    for name, tensor in tensors:
        # llama.cpp adds vectors to what is float32 and wants them so.
        writer.add_tensor(name, tensor.astype(np.float32) if tensor.ndim == 1 else np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    for path in export(given.folder, given.out):
        print(path)


if __name__ == "__main__":
    main()
