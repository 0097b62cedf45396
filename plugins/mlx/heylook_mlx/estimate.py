"""What an MLX model will take in memory, by the headers of its files; MLX is not imported."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from heylook_core.provider import FLOOR_TOKENS, Estimate
from heylook_mlx.config import MlxConfig
from heylook_mlx.weights import model_folder, weight_files

_FLOATS = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}
_CAST = {"float32": 4, "float16": 2, "bfloat16": 2}
_NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_SECONDS = 30
_ASK = "import mlx.core as mx; print(mx.device_info().get('max_recommended_working_set_size', 0), end='')"


def estimate(config: MlxConfig) -> Estimate:
    """Raises LoadFailed for a folder that holds no model; what its config.json does not tell counts as 0."""
    weights = kv = 0
    for given in (config.model_path, config.draft_model_path):
        if given is not None:
            folder = model_folder(given)
            shape = json.loads((folder / "config.json").read_bytes())
            weights += _weights(weight_files(folder), config)
            kv += _kv(shape, config, _cast(config) or _FLOATS.get(_NAMES.get(_dtype(shape), ""), 2))
    if config.adapter_path is not None:
        weights += _weights(sorted(Path(config.adapter_path).expanduser().glob("adapters.safetensors")), config)
    return Estimate(weights=weights, kv=kv)


def recommended_working_set() -> int | None:
    """Bytes that Metal recommends to use at most, asked of a child process; None where there is no Metal."""
    if platform.system() != "Darwin":
        return None
    try:
        done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return int(done.stdout) or None if done.returncode == 0 and done.stdout.isdigit() else None


def _weights(files: list[Path], config: MlxConfig) -> int:
    """Bytes of all tensors after the cast that `loading.target_dtype` makes."""
    cast = _cast(config)
    total = 0
    for file in files:
        for kind, nbytes in _tensors(file):
            own = _FLOATS.get(kind)
            total += nbytes * cast // own if cast is not None and own is not None else nbytes
    return total


def _tensors(file: Path) -> list[tuple[str, int]]:
    """Type and bytes of every tensor of a safetensors file that `model_folder` has found sound."""
    with file.open("rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    spans = [(one["dtype"], one["data_offsets"]) for name, one in header.items() if name != "__metadata__"]
    return [(kind, stop - start) for kind, (start, stop) in spans]


def _cast(config: MlxConfig) -> int | None:
    """Bytes of a floating-point weight, or None where each keeps its own type."""
    if config.dtype != "auto":
        return _CAST[config.dtype]
    metal = platform.system() == "Darwin" and platform.machine() == "arm64"
    return None if metal else _CAST["float32"]


def _kv(shape: dict[str, Any], config: MlxConfig, value_bytes: int) -> int:
    """One sequence of FLOOR_TOKENS tokens, or of the window or context where that is less."""
    layers, heads = _number(shape, "num_hidden_layers"), _number(shape, "num_attention_heads")
    width = _number(shape, "head_dim") or (_number(shape, "hidden_size") // heads if heads else 0)
    limits = (FLOOR_TOKENS, config.window, config.longest, _number(shape, "max_position_embeddings"))
    tokens = min(limit for limit in limits if limit)
    pair = 2 * layers * (_number(shape, "num_key_value_heads") or heads) * width
    if config.bits is not None:
        # one scale and one bias for each group
        return tokens * pair * config.bits // 8 + tokens * pair // config.kv_group_size * 2 * value_bytes
    return -(-tokens // 256) * 256 * pair * value_bytes


def _number(shape: dict[str, Any], key: str) -> int:
    inner = shape.get("text_config")
    for source in (shape, inner if isinstance(inner, dict) else {}):
        if isinstance(source.get(key), int):
            return int(source[key])
    return 0


def _dtype(shape: dict[str, Any]) -> str:
    return str(shape.get("torch_dtype") or shape.get("dtype") or "").removeprefix("torch.")
