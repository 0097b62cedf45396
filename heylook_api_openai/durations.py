"""`keep_alive`, as Ollama's clients know it: seconds as a number, or a text such as `5m` or `1h30m`."""

from __future__ import annotations

import math
import re

from heylook_core.errors import InvalidRequest

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)"


def keep_alive_of(given: float | str | None) -> float | None:
    """Seconds the model stays after the request; infinite for a negative value, None where nothing is said.

    Raises InvalidRequest for a text that is no duration.
    """
    if given is None:
        return None
    seconds = _seconds(given) if isinstance(given, str) else float(given)
    return math.inf if seconds < 0 else seconds


def _seconds(text: str) -> float:
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", rest):
        return sign * float(rest)
    if len(rest) < 40 and re.fullmatch(f"(?:{_PART})+", rest):
        return sign * sum(float(number) * UNITS[unit] for number, unit in re.findall(_PART, rest))
    message = f"`keep_alive` is {text[:40]!r}; it must be seconds as a number, or a text such as '5m' or '1h30m'."
    raise InvalidRequest(message, param="keep_alive")
