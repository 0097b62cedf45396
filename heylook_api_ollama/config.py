"""The settings of this dialect: `dialects: {ollama: {…}}` in models.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from heylook_core.errors import ConfigError

# What Open WebUI and VS Code can parse and compare; VS Code wants at least 0.6.4, other clients 0.14.2.
VERSION = "0.14.2"
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")


class OllamaConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`version` is what /api/version says. `context_overflow`: whether a prompt that is too long loses its oldest
    messages, as Ollama does it unless the request says `truncate: false`, or is refused. `pull`: whether clients
    may fetch models that are not there."""

    version: str = VERSION
    context_overflow: Literal["truncate", "error"] = "truncate"
    pull: bool = True

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise ValueError(
                f"version is {self.version!r}, but must be three numbers with dots, such as {VERSION}; "
                "a suffix may follow a hyphen"
            )


def config_of(dialects: Mapping[str, Mapping[str, Any]]) -> OllamaConfig:
    """Raises ConfigError, naming the path."""
    try:
        return msgspec.convert(dialects.get("ollama", {}), OllamaConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"dialects.ollama in models.yaml is not valid: {error}.") from error
