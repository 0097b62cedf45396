"""What a command works with, made when it is first asked for: settings, plugins, catalogue."""

from __future__ import annotations

import logging
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heylook_core.cli.options import flags
from heylook_core.config import (
    Configuration,
    check_entry,
    environment,
    find_file,
    load_settings,
    models_folder,
    overlay,
)
from heylook_core.errors import ConfigError, HeylookError
from heylook_core.plugins import Plugins

if TYPE_CHECKING:
    from heylook_core.catalog import Catalog
    from heylook_core.catalog.shelf import Shelf
    from heylook_core.settings import ModelEntry, Settings

log = logging.getLogger(__name__)


class Invocation:
    """One run of the command line. The properties raise ConfigError."""

    def __init__(self, context: click.Context | None = None) -> None:
        self.flags: dict[str, Any] = flags(context or click.get_current_context())

    @cached_property
    def configuration(self) -> Configuration:
        return load_settings(self.flags.get("config"))

    @cached_property
    def settings(self) -> Settings:
        """As configured, with the flags laid over."""
        return overlay(self.configuration.settings, self.flags)

    @cached_property
    def plugins(self) -> Plugins:
        """With the hook plugins loaded."""
        plugins = Plugins(self.settings.plugins.disabled, environment().plugins)
        plugins.load_hooks()
        return plugins

    @cached_property
    def catalog(self) -> Catalog:
        from heylook_core.catalog import Catalog

        try:
            return Catalog(self.settings, self.plugins, models_folder(self.configuration))
        except ConfigError as error:
            raise self.configuration.file.error(error.param or "", error.message) from None

    def again(self) -> Invocation:
        """The same flags and plugins; what comes from files is read anew."""
        fresh = copy(self)
        fresh.__dict__ = {name: value for name, value in self.__dict__.items() if name in ("flags", "plugins")}
        return fresh

    def prepared(self, catalog: Catalog) -> Shelf:
        """What `catalog` would hold with these settings. Raises ConfigError."""
        try:
            return catalog.prepared(self.settings)
        except ConfigError as error:
            raise self.configuration.file.error(error.param or "", error.message) from None

    def entry_fault(self, entry: ModelEntry) -> HeylookError | None:
        """What is wrong with an entry: no such provider, a wrong key, a path where there is nothing, a broken file."""
        try:
            config = check_entry(entry, self.plugins, self.configuration)
        except HeylookError as error:
            return error
        for key, value in entry.config.items():
            if key.endswith("_path") and isinstance(value, str) and value.startswith("/") and not Path(value).exists():
                return ConfigError(f"Model '{entry.id}': {key} is {value}, where there is nothing.")
        return self._fault_of_files(entry, config)

    def tier_fault(self) -> HeylookError | None:
        """What is wrong with `prefix_tier`: a name that no installed tier has, or a wrong key."""
        from heylook_core.prefix.configured import tier_config

        try:
            tier_config(self.settings, self.plugins, self.configuration.file)
        except HeylookError as error:
            return error
        return None

    def _fault_of_files(self, entry: ModelEntry, config: Any) -> HeylookError | None:
        """What the entry's provider finds without loading."""
        from heylook_core.plugins import PROVIDERS
        from heylook_core.provider import ModelSpec

        spec = ModelSpec(id=entry.id, provider=entry.provider, config=entry.config)
        try:
            self.plugins.load(PROVIDERS, entry.provider)(spec, config).check()
        except HeylookError as error:
            return error
        except Exception as error:
            log.debug("the check of %s failed", entry.id, exc_info=True)
            return ConfigError(f"Model '{entry.id}' could not be checked ({type(error).__name__}: {error}).")
        return None


def plugins_for_help(config: Path | None) -> Plugins:
    """The hook plugins, without reading models.yaml where it cannot disable any: that keeps `--help` fast."""
    disabled: tuple[str, ...] = ()
    try:
        path = find_file(config)
        if path is not None and b"disabled" in path.read_bytes():
            disabled = load_settings(config).settings.plugins.disabled
    except (HeylookError, OSError):
        pass  # the command itself will say what is wrong with the file
    plugins = Plugins(disabled, environment().plugins)
    plugins.load_hooks()
    return plugins
