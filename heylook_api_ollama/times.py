"""Durations and moments in Ollama's forms: keep_alive, nanoseconds, RFC 3339."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime
from functools import lru_cache

from heylook_api_ollama.schema import KeepAlive
from heylook_core.errors import InvalidRequest, WrongType

NANOSECONDS = 1_000_000_000
# What Ollama says for "never": the longest duration of Go, some 292 years.
NEVER_SECONDS = 2**63 / NANOSECONDS

_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)", re.ASCII)
_PLAIN = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_LONGEST_TEXT = 100


def keep_alive_seconds(value: KeepAlive) -> float | None:
    """A number of seconds, or a duration of Go ("5m", "1h30m"); anything negative means for ever, null says nothing.

    A number as text ("300", "-1"), which Ollama refuses, counts as seconds. Raises InvalidRequest.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        raise WrongType('`keep_alive` must be a number of seconds or a duration such as "5m".', param="keep_alive")
    seconds = _duration(value) if isinstance(value, str) else float(value)
    return math.inf if seconds < 0 else seconds


def _duration(text: str) -> float:
    """Seconds of a duration as Go's `time.ParseDuration` reads it. Raises InvalidRequest."""
    sign = -1.0 if text.startswith("-") else 1.0
    body = text[1:] if text[:1] in ("+", "-") else text
    if len(text) <= _LONGEST_TEXT:
        if _PLAIN.fullmatch(body):
            return sign * float(body)
        parts = _PART.findall(body)
        if parts and "".join(number + unit for number, unit in parts) == body:
            return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)
    raise InvalidRequest(
        f'`keep_alive` is {text[:40]!r}, which is no duration; write seconds as a number, or for example "5m".',
        param="keep_alive",
    )


def nanoseconds(seconds: float) -> int:
    return max(0, round(seconds * NANOSECONDS))


def moment(at: float) -> str:
    """Unix time as RFC 3339 in UTC with six decimals, which Go, Python and JavaScript all read."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> str:
    return stamp().decode()


def stamp() -> bytes:
    """Now, as `moment` has it; a stream needs it for every line, so the second is written once."""
    seconds, rest = divmod(time.time_ns(), NANOSECONDS)
    return b"%b.%06dZ" % (_second(seconds), rest // 1000)


@lru_cache(maxsize=2)
def _second(at: int) -> bytes:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
