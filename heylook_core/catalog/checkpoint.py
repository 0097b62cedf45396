"""A folder in Hugging Face's form (config.json, safetensors) described in the keys of a GGUF header."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST_HEADER = 100 << 20

# Key in config.json (or its text_config): key below the architecture, as llama.cpp names it.
KEYS = {
    "max_position_embeddings": "context_length",
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "vocab_size": "vocab_size",
    "rope_theta": "rope.freq_base",
}
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def read_config(folder: Path) -> dict[str, Any]:
    """config.json. Raises ValueError or OSError where there is none to read."""
    config = json.loads((folder / "config.json").read_bytes())
    if not isinstance(config, dict):
        raise ValueError(f"{folder.name}/config.json is not a JSON object.")
    return config


def metadata(config: Mapping[str, Any], parameters: int) -> dict[str, Any]:
    """`general.architecture`, `<architecture>.context_length` and so on, as far as config.json tells."""
    architecture = str(config.get("model_type") or "unknown")
    inner = config.get("text_config")
    sources = (config, inner if isinstance(inner, dict) else {})
    found: dict[str, Any] = {"general.architecture": architecture}
    if parameters:
        found["general.parameter_count"] = parameters
    for key, name in KEYS.items():
        value = next((source[key] for source in sources if source.get(key) is not None), None)
        if value is not None:
            found[f"{architecture}.{name}"] = value
    return found


def quantization(config: Mapping[str, Any]) -> str:
    """As MLX names it ("4bit"), else the type of the weights ("F16")."""
    quantized = config.get("quantization") or config.get("quantization_config")
    if isinstance(quantized, dict) and isinstance(quantized.get("bits"), int):
        return f"{quantized['bits']}bit"
    dtype = str(config.get("torch_dtype") or config.get("dtype") or "")
    return DTYPES.get(dtype.removeprefix("torch."), dtype)


def parameter_count(files: list[Path], config: Mapping[str, Any]) -> int:
    """Weights in these safetensors files; those that MLX has packed into 32-bit words are counted apart.

    Raises ValueError or OSError for a file that cannot be read.
    """
    quantized = config.get("quantization") or config.get("quantization_config")
    bits = quantized.get("bits") if isinstance(quantized, dict) else None
    shapes: dict[str, tuple[str, int]] = {}
    for file in files:
        shapes.update(_shapes(file))
    return sum(
        count * 32 // bits if bits and kind == "U32" else count
        for name, (kind, count) in shapes.items()
        if not name.endswith((".scales", ".biases"))
    )


def _shapes(file: Path) -> dict[str, tuple[str, int]]:
    """Type and size of every tensor, by the header of the file (safetensors' own format description)."""
    with file.open("rb") as opened:
        start = opened.read(8)
        if len(start) < 8 or (length := struct.unpack("<Q", start)[0]) > LONGEST_HEADER:
            raise ValueError(f"{file.name} is not a safetensors file.")
        header = json.loads(opened.read(length))
    return {
        name: (tensor["dtype"], math.prod(tensor["shape"])) for name, tensor in header.items() if name != "__metadata__"
    }


def chat_template(folder: Path) -> str | None:
    """chat_template.jinja, else what tokenizer_config.json has; of several named ones the default."""
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        pass
    try:
        found = json.loads((folder / "tokenizer_config.json").read_bytes()).get("chat_template")
    except (OSError, ValueError, AttributeError):
        return None
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default") or next(iter(named.values()), None)
    return found if isinstance(found, str) else None
