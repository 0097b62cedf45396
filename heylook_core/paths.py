"""Paths in models.yaml: `~`, `$VAR` and `${VAR}`, and what begins at the folder of the file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

VARIABLE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")

# Keys whose values are paths, besides those that end in `_path`.
PATH_KEYS = ("path", "folder", "dir", "models_dir")


class UnknownVariable(ValueError):
    """A path names a variable that is not set."""


def is_path_key(key: str) -> bool:
    return key in PATH_KEYS or key.endswith("_path")


def real(path: Path) -> Path:
    """Where links lead in the end; a link in a circle stays as it is."""
    return Path(os.path.realpath(path))


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables filled in, and `$$` as a dollar sign. Raises UnknownVariable."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name is None:
            return "$"
        if name not in variables:
            raise UnknownVariable(f"the variable ${name} is not set; set it, or write the path out")
        return variables[name]

    return VARIABLE.sub(value, text)


def expanded(text: str, base: Path, variables: Mapping[str, str]) -> str:
    """A path with its variables, `~`, and a leading `./` or `../`, which begins at `base`. Raises UnknownVariable.

    Anything else stays as it is: it may be the id of a model on a hub.
    """
    text = with_variables(text, variables)
    if text == "~" or text.startswith("~/"):
        return str(Path(text).expanduser())
    if text in (".", "..") or text.startswith(("./", "../")):
        return str((base / text).resolve())
    return text


def expanded_in(data: Any, expand: Callable[[str, str], str], where: str = "") -> Any:
    """A copy of `data` with `expand(text, where)` in place of every text that stands at the key of a path."""
    if isinstance(data, dict):
        return {
            key: expand(value, _join(where, key))
            if isinstance(value, str) and isinstance(key, str) and is_path_key(key)
            else expanded_in(value, expand, _join(where, key))
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [expanded_in(value, expand, f"{where}[{index}]") for index, value in enumerate(data)]
    return data


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)
