"""What can be told of a GGUF model before it is loaded, and what import profiles set for it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from heylook_core.catalog.facts import ModelFacts
from heylook_core.catalog.gguf import GgufHeader, NotGguf, read_header
from heylook_core.catalog.recognition import Recognised
from heylook_core.provider import Capability
from heylook_gguf.config import GgufConfig

# From how many bytes of weights on a profile makes the KV cache small.
QUANTISED_FROM = {"fast": 13e9, "balanced": 30e9}
SMALL_CACHE = {"type_k": "q8_0", "type_v": "q8_0"}
QUANTISED_BLOCK = 32  # numbers in a block of q8_0: a head must have a multiple of it
SHORT_CONTEXT = 1024
FEW_SLOTS = 2
FILL_IN_MIDDLE = ("fim_pre_token_id", "prefix_token_id")
REASONING = ("<think>", "enable_thinking", "reasoning")


def cache_settings(name: str, found: Recognised) -> dict[str, Any]:
    """The type of KV cache; `memory` also limits the context, so that what is longer is refused, and the slots."""
    if name == "memory":
        limits = {"n_ctx": min(SHORT_CONTEXT, found.context or SHORT_CONTEXT)}
        return {**limits, "slots": FEW_SLOTS, **_small_cache(found)} if found.generates else limits
    if not found.generates:
        return {}
    if name == "quality" or (name in QUANTISED_FROM and found.bytes <= QUANTISED_FROM[name]):
        return {"type_k": "f16", "type_v": "f16"}
    return _small_cache(found) if name in QUANTISED_FROM else {}


def _small_cache(found: Recognised) -> dict[str, str]:
    """Nothing for a model whose heads cannot be stored in blocks."""
    try:
        header = read_header(Path(found.entry.config["model_path"]), whole=False)
    except (NotGguf, OSError):
        return {}
    widths = _head_widths(header)
    return dict(SMALL_CACHE) if widths and all(width % QUANTISED_BLOCK == 0 for width in widths) else {}


def _head_widths(header: GgufHeader) -> list[int]:
    heads, width = header.value("attention.head_count"), header.value("embedding_length")
    usual = width // heads if isinstance(heads, int) and heads > 0 and isinstance(width, int) else None
    widths = [header.value(f"attention.{part}_length") or usual for part in ("key", "value")]
    return [found for found in widths if isinstance(found, int)]


def expected(config: GgufConfig, facts: ModelFacts) -> tuple[Capability, ...]:
    """What the model will be able to do, by its header."""
    found: list[Capability] = []
    if facts.metadata.get(f"{facts.architecture}.attention.causal") is not False:
        found += ["completion", "logprobs", "prompt_logprobs"]
        found += ["schema"] if importlib.util.find_spec("llguidance") is not None else []
        found += _of_template(config, facts)
        if any(f"tokenizer.ggml.{key}" in facts.metadata for key in FILL_IN_MIDDLE):
            found.append("fill_in_middle")
    if config.embedding:
        found.append("embed")
    return (*found, "vision") if config.projector is not None else tuple(found)


def _of_template(config: GgufConfig, facts: ModelFacts) -> list[Capability]:
    template = _template(config, facts)
    if template is None:
        return []
    found: list[Capability] = ["chat"]
    found += ["tools"] if "tools" in template else []
    found += ["reasoning"] if any(word in template for word in REASONING) else []
    return found


def _template(config: GgufConfig, facts: ModelFacts) -> str | None:
    if config.chat_format_template is not None:
        try:
            return Path(config.chat_format_template).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
    return facts.template or ("" if config.chat_format == "chatml" else None)
