"""The dialects that `--api` selects, as classes: enough to list routes and to know ports."""

from __future__ import annotations

from typing import Any

from heylook_core.errors import PluginError
from heylook_core.plugins import DIALECTS, Plugins


def dialect_classes(api: str, plugins: Plugins) -> list[type[Any]]:
    """One dialect by name (PluginError if it cannot be had), or with `all` and `both` every one that loads."""
    if api not in ("all", "both"):
        return [plugins.load(DIALECTS, api)]
    found = []
    for name in plugins.names(DIALECTS):
        try:
            found.append(plugins.load(DIALECTS, name))
        except PluginError:
            continue  # its row in `plugins` and in `doctor` says why
    return found
