"""What can be told of an MLX model before it is loaded, and what import profiles set for it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from heylook_core.catalog.facts import ModelFacts
from heylook_core.catalog.recognition import Recognised
from heylook_core.provider import Capability
from heylook_mlx.config import MlxConfig
from heylook_mlx.description import capabilities
from heylook_mlx.gap import MARKS
from heylook_mlx.vision.folder import sees

# From how many bytes of weights on a profile makes the KV cache small.
QUANTISED_FROM = {"fast": 13e9, "balanced": 30e9}
SMALL_CACHE: dict[str, Any] = {
    "cache_type": "quantized",
    "kv_bits": 4,
    "kv_group_size": 32,
    "quantized_kv_start": 256,
}
SHORT_CONTEXT = 1024


def cache_settings(name: str, found: Recognised) -> dict[str, Any]:
    """The kind of KV cache; `memory` also limits the context, so that what is longer is refused."""
    if not found.generates or found.entry.config.get("vision"):
        return {"context": _short(found)} if name == "memory" else {}
    if name == "memory":
        return {**SMALL_CACHE, "context": _short(found)}
    if name == "quality" or (name in QUANTISED_FROM and found.bytes <= QUANTISED_FROM[name]):
        return {"cache_type": "standard"}
    return {"cache_type": "quantized"} if name in QUANTISED_FROM else {}


def _short(found: Recognised) -> int:
    return min(SHORT_CONTEXT, found.context or SHORT_CONTEXT)


def expected(config: MlxConfig, facts: ModelFacts) -> tuple[Capability, ...]:
    """What the model will be able to do, by its template."""
    found = capabilities(facts.template, importlib.util.find_spec("llguidance") is not None)
    found = (*found, "fill_in_middle", "embed") if _fills_gaps(config) else (*found, "embed")
    return (*found, "vision") if _sees(config) else found


def _fills_gaps(config: MlxConfig) -> bool:
    """Whether the tokenizer has the marks, by the text of its file."""
    try:
        text = (Path(config.model_path).expanduser() / "tokenizer.json").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return any(all(f'"{mark}"' in text for mark in marks) for marks in MARKS)


def _sees(config: MlxConfig) -> bool:
    if config.vision is not None or not config.may_see:
        return bool(config.vision)
    return sees(Path(config.model_path).expanduser())
