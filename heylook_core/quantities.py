"""Sizes and durations as people write them in models.yaml: "12GB", "1.5 GiB", "5m", "1h30m"."""

from __future__ import annotations

import math
import re

SIZES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}
DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmgt]?i?b)", re.IGNORECASE)
_PART = r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)"


def bytes_of(given: int | str) -> int:
    """Bytes of a number or of a text such as "12GB" (10^9 each) or "12GiB" (2^30 each). Raises ValueError."""
    if isinstance(given, int):
        found = given
    elif match := _SIZE.fullmatch(given.strip()):
        found = round(float(match[1]) * SIZES[match[2].lower()])
    else:
        raise ValueError(f'{given!r} is no size; write bytes as a number, or a text such as "12GB" or "1.5GiB"')
    if found < 1:
        raise ValueError(f"{given!r} is no size: it must be at least one byte")
    return found


def seconds_of(given: float | str) -> float:
    """Seconds of a number or of a text such as "5m" or "1h30m"; what is below 0 is for ever. Raises ValueError."""
    seconds = _seconds(given.strip()) if isinstance(given, str) else float(given)
    if math.isnan(seconds):
        raise ValueError(f"{given!r} is no duration")
    return math.inf if seconds < 0 else seconds


def _seconds(text: str) -> float:
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", rest):
        return sign * float(rest)
    if len(rest) < 40 and re.fullmatch(f"(?:{_PART})+", rest):
        return sign * sum(float(number) * DURATIONS[unit] for number, unit in re.findall(_PART, rest))
    raise ValueError(f'{text[:40]!r} is no duration; write seconds as a number, or a text such as "5m" or "1h30m"')


def size(nbytes: int) -> str:
    """For people: three digits and a unit."""
    if nbytes < 1000:
        return f"{nbytes} bytes"
    power = min(int(f"{nbytes:.2e}".partition("e")[2]) // 3, 4)  # of what is left after rounding to three digits
    return f"{nbytes / 1000**power:.3g} {' kMGT'[power]}B"
