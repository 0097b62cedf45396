"""What a loaded model says of itself: template, special tokens, ends, context, sampling defaults, capabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heylook_core.messages import Sampling
from heylook_core.provider import Capability

CONTEXT_IF_UNKNOWN = 32768
_NO_LIMIT = 1 << 40

_SAMPLING_KEYS = {
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "min_p": float,
    "typical_p": float,
    "repetition_penalty": float,
}


def generation_config(folder: Path) -> dict[str, Any]:
    """generation_config.json, or nothing where it is missing or no JSON object."""
    try:
        found = json.loads((folder / "generation_config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def sampling_defaults(settings: dict[str, Any]) -> Sampling:
    """The sampling values of generation_config.json; `do_sample: false` means greedy."""
    if settings.get("do_sample") is False:
        return Sampling(temperature=0.0)
    values = {
        key: kind(settings[key])
        for key, kind in _SAMPLING_KEYS.items()
        if isinstance(settings.get(key), int | float) and not isinstance(settings[key], bool)
    }
    return Sampling(**values)


def context_length(config: dict[str, Any], tokenizer: Any, limit: int | None) -> int:
    """The longest sequence in tokens: the model's own, lowered to `limit`."""
    text = config.get("text_config") or {}
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length")
    found = [source[name] for source in (config, text) for name in names if isinstance(source.get(name), int)]
    known = found or [size for size in [getattr(tokenizer, "model_max_length", None)] if size and size < _NO_LIMIT]
    own = int(known[0]) if known else CONTEXT_IF_UNKNOWN
    return min(own, limit) if limit is not None else own


def chat_template(tokenizer: Any) -> str | None:
    """The Jinja source; of several named ones the default."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default") or next(iter(template.values()), None)
    return template if isinstance(template, str) else None


def special_strings(tokenizer: Any) -> dict[str, str]:
    """The strings templates refer to by name: bos_token, eos_token and so on."""
    return {name: str(value) for name, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}


def begin_token(tokenizer: Any) -> int | None:
    """The id that the tokenizer puts before every text, if it does."""
    bos = tokenizer.bos_token_id
    if bos is None:
        return None
    begun = tokenizer.encode("a", add_special_tokens=True)
    return int(bos) if begun[:1] == [bos] else None


def end_tokens(tokenizer: Any, vocabulary: int) -> tuple[int, ...]:
    """Ids that end an answer, from the tokenizer and generation_config.json (mlx-lm's wrapper joins them)."""
    return tuple(sorted(token for token in tokenizer.eos_token_ids if 0 <= token < vocabulary))


def capabilities(template: str | None, guides: bool) -> tuple[Capability, ...]:
    """What requests may ask of a model with this template."""
    found: list[Capability] = ["completion", "logprobs", "prompt_logprobs"]
    if template is not None:
        found.insert(0, "chat")
        if "tools" in template:
            found.append("tools")
        if "enable_thinking" in template or "<think>" in template or "reasoning" in template:
            found.append("reasoning")
    if guides:
        found.append("schema")
    return tuple(found)
