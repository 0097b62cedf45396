"""The models of one state of the configuration: names and entries, each from where it was found first."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from heylook_core.errors import ConfigError, ModelNotFound
from heylook_core.paths import real
from heylook_core.settings import ModelEntry, Settings

Source: TypeAlias = Literal["models.yaml", "pulled", "scan", "plugin"]


class Shelf:
    """Filled in order: a name, and a file, belongs to whoever comes first. Disabled entries only hold their places."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.entries: dict[str, ModelEntry] = {}
        self.sources: dict[str, Source] = {}
        self._names: dict[str, str] = {}
        self._taken = {name for entry in settings.models for name in (entry.id, *entry.aliases)}
        self._files = {file for entry in settings.models if (file := _file(entry))}
        for entry in settings.models:
            self._put(entry, "models.yaml")

    def add(self, entry: ModelEntry, source: Source) -> None:
        """Offer a model; it is left out where its name is taken."""
        if entry.id not in self._taken:
            self._taken.update((entry.id, *entry.aliases))
            if (file := _file(entry)) is not None:
                self._files.add(file)
            self._put(entry, source)

    def add_scanned(self, entries: Iterable[ModelEntry]) -> None:
        """Offer what lies at one place: unless models.yaml has the name, or somebody has the file, already.

        Whose name somebody else has gets another one.
        """
        files = set(self._files)
        explicit = {name for entry in self.settings.models for name in (entry.id, *entry.aliases)}
        for entry in entries:
            file = _file(entry)
            if entry.id not in explicit and file not in files:
                name = next(name for name in free_names(entry.id, file) if name not in self._taken)
                self.add(msgspec.structs.replace(entry, id=name), "scan")

    def replace(self, entry: ModelEntry) -> None:
        """Take another entry for a model that is there."""
        self._put(entry, self.sources[entry.id])

    def get(self, name: str) -> ModelEntry:
        """The enabled model with this id or alias. Raises ModelNotFound, which lists what there is."""
        if name not in self._names:
            raise ModelNotFound(f"Model '{name}' does not exist. {self._hint(name)}", param="model")
        return self.entries[self._names[name]]

    def default(self) -> str | None:
        """The id of the model for requests that name none. Raises ConfigError if the configured one cannot be had."""
        wanted, settings = self.settings.default_model, self.settings
        if wanted is not None:
            if wanted in self._names:
                return self._names[wanted]
            disabled = any(wanted in (entry.id, *entry.aliases) for entry in settings.models)
            why = "is disabled; set its `enabled` to true" if disabled else f"does not exist. {self._hint(wanted)}"
            raise ConfigError(f"The default model '{wanted}' {why}", param="default_model")
        brought = (model for model in self.entries if self.sources[model] == "plugin")
        return next(brought, None) if not settings.models and not settings.scan else None

    def _put(self, entry: ModelEntry, source: Source) -> None:
        if not entry.enabled:
            return
        self.entries[entry.id] = entry
        self.sources[entry.id] = source
        self._names[entry.id] = entry.id
        for alias in entry.aliases:
            self._names.setdefault(alias, entry.id)

    def _hint(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._names, 3)
        others = [model_id for model_id in self.entries if model_id not in close]
        known = [*close, *others]
        more = f" and {len(known) - 20} more" if len(known) > 20 else ""
        return f"Available: {', '.join(known[:20])}{more}" if known else "No model is configured."


def free_names(wanted: str, file: Path | None) -> Iterator[str]:
    """The name, the one with the folder of the file before it, then with a number behind it."""
    yield wanted
    if file is not None:
        yield f"{file.parent.name}/{wanted}"
    for number in itertools.count(2):
        yield f"{wanted}-{number}"


def _file(entry: ModelEntry) -> Path | None:
    """What the entry's `model_path` leads to, if it is there."""
    named = entry.config.get("model_path")
    if not isinstance(named, str):
        return None
    path = Path(named).expanduser()
    return real(path) if path.exists() else None
