"""`options` of a request: coerced by a table, bounded, and with a warning for each that has no effect.

Ollama warns about unknown options and ignores them; clients send many that Ollama itself has dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from heylook_core.errors import InvalidRequest, WrongType
from heylook_core.messages import Sampling

# Ollama's own defaults (api.DefaultOptions), the last word of the sampling cascade.
DEFAULTS = Sampling(
    temperature=0.8,
    top_k=40,
    top_p=0.9,
    min_p=0.0,
    typical_p=1.0,
    repetition_penalty=1.0,
    repetition_window=64,
    presence_penalty=0.0,
    frequency_penalty=0.0,
)
DEFAULT_KEEP = 4
LEAST_CONTEXT = 4
INT32 = 2**31 - 1
SEED_BITS = 2**63 - 1
NO_LIMIT = INT32
WARNED_AT_MOST = 8

# Decided when a model is loaded, and not by one of its clients.
LOAD_OPTIONS = ("draft_num_predict", "main_gpu", "num_batch", "num_gpu", "num_thread", "use_mmap")


class OllamaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, in neutral words. `context` is num_ctx, `max_tokens` num_predict, `keep` num_keep."""

    sampling: Sampling = Sampling()
    context: int | None = None
    max_tokens: int | None = None
    keep: int = DEFAULT_KEEP
    stop: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def _integer(name: str, value: Any) -> int:
    """A fraction is cut off: number fields of Home Assistant send 8192.0. Raises WrongType, InvalidRequest."""
    whole = int(_number(name, value, "integer"))
    if not -INT32 <= whole <= INT32:
        raise InvalidRequest(f'option "{name}" must lie between {-INT32} and {INT32}', param=f"options.{name}")
    return whole


def _number(name: str, value: Any, kind: str = "float") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongType(f'option "{name}" must be of type {kind}', param=f"options.{name}")
    return value


def _seed(name: str, value: Any) -> int | None:
    """Negative means by chance."""
    whole = int(_number(name, value, "integer"))
    return None if whole < 0 else whole & SEED_BITS


def _share(name: str, value: Any) -> float:
    return min(max(_number(name, value), 0.0), 1.0)


def _at_least_zero(name: str, value: Any) -> float:
    return max(_number(name, value), 0.0)


def _penalty(name: str, value: Any) -> float:
    factor = _number(name, value)
    if factor <= 0:
        raise InvalidRequest(f'option "{name}" must be greater than 0', param=f"options.{name}")
    return factor


def _texts(name: str, value: Any) -> tuple[str, ...]:
    """A list, or one text. An empty text would never match and is left out."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise WrongType(f'option "{name}" must be of type array of strings', param=f"options.{name}")
    return tuple(text for text in found if text)


def _context(name: str, value: Any) -> int | None:
    """0 and less say nothing, as in Ollama."""
    asked = _integer(name, value)
    return max(asked, LEAST_CONTEXT) if asked > 0 else None


def _limit(name: str, value: Any) -> int:
    """0 and less mean as many as the context takes."""
    asked = _integer(name, value)
    return asked if asked > 0 else NO_LIMIT


def _top_k(name: str, value: Any) -> int:
    return max(_integer(name, value), 0)


class Option(NamedTuple):
    """Where an option goes and how its value is read. `field` is one of Sampling, else of OllamaOptions."""

    field: str
    read: Callable[[str, Any], Any]
    sampling: bool = True


OPTIONS: Mapping[str, Option] = {
    "temperature": Option("temperature", _at_least_zero),
    "top_k": Option("top_k", _top_k),
    "top_p": Option("top_p", _share),
    "min_p": Option("min_p", _share),
    "typical_p": Option("typical_p", _share),
    "repeat_penalty": Option("repetition_penalty", _penalty),
    "repeat_last_n": Option("repetition_window", _integer),
    "presence_penalty": Option("presence_penalty", _number),
    "frequency_penalty": Option("frequency_penalty", _number),
    "seed": Option("seed", _seed),
    "num_ctx": Option("context", _context, sampling=False),
    "num_predict": Option("max_tokens", _limit, sampling=False),
    "num_keep": Option("keep", _integer, sampling=False),
    "stop": Option("stop", _texts, sampling=False),
}


def options_of(given: Mapping[str, Any] | None) -> OllamaOptions:
    """Raises WrongType or InvalidRequest in Ollama's words; null counts as absent."""
    sampling: dict[str, Any] = {}
    others: dict[str, Any] = {}
    idle: list[str] = []
    for name, value in (given or {}).items():
        option = OPTIONS.get(name)
        if value is None:
            continue
        if option is None:
            idle.append(name)
        else:
            (sampling if option.sampling else others)[option.field] = option.read(name, value)
    return OllamaOptions(sampling=Sampling(**sampling), warnings=_warnings(idle), **others)


def _warnings(idle: list[str]) -> tuple[str, ...]:
    """One for each option without effect; names come from the client and are written in ASCII."""
    found = [_warning(name) for name in idle[:WARNED_AT_MOST]]
    if len(idle) > WARNED_AT_MOST:
        found.append(f"{len(idle) - WARNED_AT_MOST} more options have no effect")
    return tuple(found)


def _warning(name: str) -> str:
    why = "it is set in models.yaml" if name in LOAD_OPTIONS else "it is not known here"
    return f"option {name[:40]!a} has no effect: {why}"
