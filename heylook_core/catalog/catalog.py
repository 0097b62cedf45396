"""The models that can be asked for: those of models.yaml, then pulled, scanned, and what plugins bring along."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from heylook_core.catalog.pulled import pulled_models
from heylook_core.catalog.scan import Found, Scanner
from heylook_core.catalog.shelf import Shelf, Source
from heylook_core.config import environment
from heylook_core.errors import ConfigError, HeylookError
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.settings import ModelEntry, ScanSettings, Settings

log = logging.getLogger(__name__)


class Changes(NamedTuple):
    """Ids of models by what became of them when the catalogue was made anew."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


class Catalog:
    """Names and entries; loads nothing. Any thread.

    `folder` is where models are pulled to, None for nowhere. What it holds is replaced as a whole: `prepared` makes a
    new state, which takes the time that reading headers takes, and `adopt` takes it in one step.

    Raises ConfigError if `settings.default_model` is not the id or alias of an enabled model.
    """

    def __init__(self, settings: Settings, plugins: Plugins, folder: Path | None = None) -> None:
        self.folder = folder
        self._plugins = plugins
        self._scanner = Scanner(plugins, environment())
        self._lock = threading.Lock()
        self._pulled: dict[str, ModelEntry] = {}
        self._shelf = self.prepared(settings)
        self._default = self._shelf.default()

    def entries(self) -> list[ModelEntry]:
        """The enabled models, those of models.yaml first."""
        return list(self._shelf.entries.values())

    def get(self, name: str) -> ModelEntry:
        """The enabled model with this id or alias. Raises ModelNotFound, which lists what there is."""
        return self._shelf.get(name)

    @property
    def default(self) -> str | None:
        """The id of the model to use where a request names none: as configured, or the first that a plugin brings."""
        return self._default

    def source(self, model_id: str) -> Source:
        """Where the entry with this id comes from."""
        return self._shelf.sources[model_id]

    def add_pulled(self, entry: ModelEntry) -> None:
        """Offer a model that was pulled just now; one of models.yaml with the same name stays as it is."""
        with self._lock:
            self._pulled[entry.id] = entry
            _add_pulled(self._shelf, entry)

    def prepared(self, settings: Settings) -> Shelf:
        """The state that these settings lead to, with the folders looked at again. Blocks; nothing changes yet.

        Raises ConfigError.
        """
        shelf = Shelf(settings)
        for entry in pulled_models(self.folder, self._plugins) if self.folder is not None else ():
            shelf.add(entry, "pulled")
        for place in settings.scan:
            self._add_scanned(shelf, place)
        for entry in _brought_along(self._plugins):
            shelf.add(entry, "plugin")
        shelf.default()
        return shelf

    def adopt(self, shelf: Shelf) -> Changes:
        """Go on with a state that was prepared, and with what was pulled meanwhile."""
        with self._lock:
            for entry in self._pulled.values():
                _add_pulled(shelf, entry)
            before, after = self._shelf.entries, shelf.entries
            self._shelf, self._default = shelf, shelf.default()
        return Changes(
            added=tuple(model for model in after if model not in before),
            removed=tuple(model for model in before if model not in after),
            changed=tuple(model for model in after if model in before and after[model] != before[model]),
        )

    def _add_scanned(self, shelf: Shelf, place: ScanSettings) -> None:
        """What lies there, unless its name or its file is taken. A place that cannot be read is a warning."""
        from heylook_core.catalog.importing import configured

        try:
            found = self.scanned(place)
        except ConfigError as error:
            log.warning("scan: %s", error)
            return
        entries = []
        for model in found.models:
            try:
                entries.append(configured(model, self._plugins, place.profile))
            except HeylookError as error:
                log.warning("scan: %s is left out: %s", model.entry.id, error)
        shelf.add_scanned(entries)
        for path, reason in found.skipped:
            log.info("scan: %s is left out: %s", path, reason)

    def scanned(self, place: ScanSettings) -> Found:
        """What lies at a place. Raises ConfigError where another program keeps nothing here. Blocks."""
        if place.program is not None:
            return self._scanner.program(place.program)
        return self._scanner.folder(Path(place.folder or "").expanduser())


def _add_pulled(shelf: Shelf, entry: ModelEntry) -> None:
    if shelf.sources.get(entry.id) == "pulled":
        shelf.replace(entry)
    else:
        shelf.add(entry, "pulled")


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
