"""The models that can be asked for: those of models.yaml first, then pulled ones, then what plugins bring along."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

from heylook_core.catalog.pulled import pulled_models
from heylook_core.errors import ConfigError, ModelNotFound
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.settings import ModelEntry, Settings

log = logging.getLogger(__name__)

Source: TypeAlias = Literal["models.yaml", "pulled", "plugin"]


class Catalog:
    """Names and entries; loads nothing. Any thread; only pulled models are added later, on the event loop.

    `folder` is where models are pulled to, None for nowhere.

    Raises ConfigError if `settings.default_model` is not the id or alias of an enabled model.
    """

    def __init__(self, settings: Settings, plugins: Plugins, folder: Path | None = None) -> None:
        self.folder = folder
        self._entries: dict[str, ModelEntry] = {}
        self._names: dict[str, str] = {}
        self._sources: dict[str, Source] = {}
        self._taken = {name for entry in settings.models for name in (entry.id, *entry.aliases)}
        for entry in settings.models:
            self._take(entry, "models.yaml")
        for entry in pulled_models(folder, plugins) if folder is not None else ():
            self._take_unless_taken(entry, "pulled")
        for entry in _brought_along(plugins):
            self._take_unless_taken(entry, "plugin")
        self._default = self._chosen_default(settings)

    def entries(self) -> list[ModelEntry]:
        """The enabled models, those of models.yaml first."""
        return list(self._entries.values())

    def get(self, name: str) -> ModelEntry:
        """The enabled model with this id or alias. Raises ModelNotFound, which lists what there is."""
        if name not in self._names:
            raise ModelNotFound(f"Model '{name}' does not exist. {self._hint(name)}", param="model")
        return self._entries[self._names[name]]

    @property
    def default(self) -> str | None:
        """The id of the model to use where a request names none: as configured, or the first that a plugin brings."""
        return self._default

    def source(self, model_id: str) -> Source:
        """Where the entry with this id comes from."""
        return self._sources[model_id]

    def add_pulled(self, entry: ModelEntry) -> None:
        """Offer a model that was pulled just now; one of models.yaml with the same name stays as it is."""
        if self._sources.get(entry.id) == "pulled":
            self._take(entry, "pulled")
        else:
            self._take_unless_taken(entry, "pulled")

    def _take_unless_taken(self, entry: ModelEntry, source: Source) -> None:
        if entry.id not in self._taken:
            self._taken.update((entry.id, *entry.aliases))
            self._take(entry, source)

    def _take(self, entry: ModelEntry, source: Source) -> None:
        if not entry.enabled:
            return
        self._entries[entry.id] = entry
        self._sources[entry.id] = source
        self._names[entry.id] = entry.id
        for alias in entry.aliases:
            self._names.setdefault(alias, entry.id)

    def _chosen_default(self, settings: Settings) -> str | None:
        wanted = settings.default_model
        if wanted is not None:
            if wanted in self._names:
                return self._names[wanted]
            disabled = any(wanted in (entry.id, *entry.aliases) for entry in settings.models)
            why = "is disabled; set its `enabled` to true" if disabled else f"does not exist. {self._hint(wanted)}"
            raise ConfigError(f"The default model '{wanted}' {why}", param="default_model")
        brought = (model for model in self._entries if self._sources[model] == "plugin")
        return next(brought, None) if not settings.models else None

    def _hint(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._names, 3)
        others = [model_id for model_id in self._entries if model_id not in close]
        known = [*close, *others]
        more = f" and {len(known) - 20} more" if len(known) > 20 else ""
        return f"Available: {', '.join(known[:20])}{more}" if known else "No model is configured."


def _brought_along(plugins: Plugins) -> Iterator[ModelEntry]:
    """Entries of plugins whose provider is installed: the others could never be loaded."""
    providers = plugins.names(PROVIDERS)
    for answer in plugins.ask("provide_models"):
        for entry in _entries(answer):
            if entry.provider in providers:
                yield entry
            else:
                log.debug("leaving out %s: no provider '%s' is installed", entry.id, entry.provider)


def _entries(answer: Any) -> Iterator[ModelEntry]:
    for entry in answer if isinstance(answer, list | tuple) else (answer,):
        if isinstance(entry, ModelEntry):
            yield entry
        else:
            log.warning("A plugin's provide_models gave %r where a ModelEntry was expected; it is left out.", entry)
