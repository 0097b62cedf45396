"""What a GGUF model will take in memory, by its files' sizes and header; llama.cpp is not imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heylook_core.catalog.gguf import read_header
from heylook_core.provider import Estimate
from heylook_gguf.config import GgufConfig
from heylook_gguf.contents import parts
from heylook_gguf.sizes import DEFAULT_CONTEXT, padded
from heylook_gguf.weights import CACHE_TYPES


def estimate(config: GgufConfig) -> Estimate | None:
    """Raises NotGguf or OSError for a file that cannot be read; None where the header does not tell its dimensions."""
    header = read_header(config.path, whole=False)
    layers, width, heads = (
        _number(header.values, header.architecture, key)
        for key in ("block_count", "embedding_length", "attention.head_count")
    )
    if not layers or not width:
        return None
    weights = sum(path.stat().st_size for path in _files(config))
    if header.values.get(f"{header.architecture}.attention.causal") is False:
        return Estimate(weights=weights)
    rows = _cached_heads(header.values, header.architecture, layers, heads)
    head = width // (heads or 1)
    keys = _number(header.values, header.architecture, "attention.key_length") or head
    values = _number(header.values, header.architecture, "attention.value_length") or head
    token = rows * (keys * CACHE_TYPES[config.type_k][1] + values * CACHE_TYPES[config.type_v][1])
    trained = _number(header.values, header.architecture, "context_length")
    return Estimate(weights=weights, kv=round(_cells(config, trained) * token))


def _cached_heads(values: dict[str, Any], architecture: str, layers: int, heads: int) -> int:
    """Heads of all layers that have keys and values; a list where layers differ, with 0 for recurrent ones."""
    found = values.get(f"{architecture}.attention.head_count_kv")
    if isinstance(found, list):
        return sum(item for item in found if isinstance(item, int))
    return layers * (found if isinstance(found, int) else heads or 1)


def _cells(config: GgufConfig, trained: int) -> int:
    """Tokens in the KV cache of all slots (see `sizes.cache_cells`)."""
    wanted = config.n_ctx or DEFAULT_CONTEXT
    length = min(wanted, trained) if trained else wanted
    return padded(length) * (1 if config.kv_unified else config.n_slots)


def _files(config: GgufConfig) -> list[Path]:
    """Every part of the model, its projector and its adapters."""
    projector = [config.projector] if config.projector is not None else []
    return [*parts(config.path), *projector, *(Path(lora.path).expanduser() for lora in config.lora)]


def _number(values: dict[str, Any], architecture: str, key: str) -> int:
    """0 where the header does not say it; the largest where each layer has its own."""
    found = values.get(f"{architecture}.{key}", 0)
    if isinstance(found, list):
        found = max((item for item in found if isinstance(item, int)), default=0)
    return found if isinstance(found, int) else 0
