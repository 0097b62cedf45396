"""The pieces of a vocabulary file: a map from ids to pieces (v2, v3), or a list (110m). The blank is not in it."""

from __future__ import annotations

import json
from pathlib import Path

from heylook_core.errors import LoadFailed


def read_vocabulary(path: Path) -> list[str]:
    """Pieces by id. Raises LoadFailed."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadFailed(f"The vocabulary {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise LoadFailed(f"The vocabulary {path} is no JSON ({error}).") from error
    if isinstance(told, dict):
        told = _in_order(path, told)
    if not isinstance(told, list) or not told or not all(isinstance(piece, str) for piece in told):
        raise LoadFailed(f"The vocabulary {path} is neither a map from ids to pieces nor a list of pieces.")
    return told


def _in_order(path: Path, told: dict[str, object]) -> list[object]:
    try:
        return [told[str(token)] for token in range(len(told))]
    except KeyError as error:
        message = f"The vocabulary {path} has {len(told)} pieces but none with the id {error.args[0]}."
        raise LoadFailed(message) from error
