"""`heylookllm serve`, and `heylookllm` alone."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from heylook_core import __version__
from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import serving_options
from heylook_core.errors import PluginError

if TYPE_CHECKING:
    from heylook_core.catalog import Catalog
    from heylook_core.catalog.shelf import Shelf
    from heylook_core.settings import ModelEntry, Settings

log = logging.getLogger(__name__)


@click.command()
@serving_options
def serve() -> int:
    """Serve models over HTTP. The same as no command at all."""
    return start(Invocation())


def start(invocation: Invocation) -> int:
    """Check what is configured, then serve until a signal; the exit code. Raises HeylookError."""
    from heylook_core.log_thread import is_stuck
    from heylook_core.logs import logging_to
    from heylook_core.web.run import RESTART, start_anew

    with logging_to(invocation.settings.logging) as file:
        if file:
            log.info("Logging to %s", file)
        code = _serve(invocation)
    if code == RESTART:
        start_anew()
    if is_stuck():
        os._exit(code)
    return code


def _show_loads(invocation: Invocation) -> None:
    from heylook_core.logs import terminal

    console = terminal()
    if console is not None:
        from heylook_core.cli.loads import LoadDisplay

        invocation.plugins.add("heylook:loads", LoadDisplay(console))


def _serve(invocation: Invocation) -> int:
    from heylook_core.config import environment
    from heylook_core.prefix.configured import tier_config
    from heylook_core.sinks import attached, wanted
    from heylook_core.web.run import run

    for warning in invocation.configuration.warnings:
        log.warning("%s", warning)
    _show_loads(invocation)
    catalog = invocation.catalog
    if invocation.configuration.file.path is None:
        log.info("%s", _without_file(catalog))
    check_entries(catalog.entries(), invocation)
    tier_config(invocation.settings, invocation.plugins, invocation.configuration.file)
    named = invocation.flags.get("model_id") or invocation.settings.default_model
    preload = catalog.get(named).id if named else None

    def ready(urls: tuple[str, ...], hints: tuple[str, ...]) -> None:
        click.echo(ready_text(urls, hints, catalog))

    def source() -> tuple[Settings, Shelf]:
        """Everything once more, with the flags and plugins of this start."""
        again = invocation.again()
        shelf = again.prepared(catalog)
        check_entries(shelf.entries.values(), again)
        return again.settings, shelf

    sinks = wanted(invocation.settings, environment().analytics, invocation.plugins)
    with attached(sinks, invocation.plugins, invocation.configuration.file):
        return run(invocation.settings, invocation.plugins, catalog, preload, ready, source)


def check_entries(entries: Iterable[ModelEntry], invocation: Invocation) -> None:
    """A wrong key is an error now and not at the first request; a missing provider concerns its models only.

    Keys without effect are told.
    """
    from heylook_core.config import check_entry

    for entry in entries:
        try:
            config = check_entry(entry, invocation.plugins, invocation.configuration)
        except PluginError as error:
            log.warning("The model '%s' cannot be used: %s", entry.id, error)
            continue
        for notice in getattr(config, "notices", list)():
            log.warning("The model '%s': %s", entry.id, notice)


def _without_file(catalog: Catalog) -> str:
    """What is served where nobody has configured anything."""
    brought = [entry.id for entry in catalog.entries() if catalog.source(entry.id) == "plugin"]
    served = f"serving what plugins bring along ({', '.join(brought)})" if brought else "no plugin brings a model along"
    places = "--config, HEYLOOK_CONFIG, models.yaml here, ~/.config/heylook/models.yaml"
    return f"No models.yaml was found ({places}); {served}. `heylookllm import` makes one."


def ready_text(urls: tuple[str, ...], hints: tuple[str, ...], catalog: Catalog) -> str:
    """Addresses, models and commands to paste."""
    lines = [f"heylook {__version__} is ready: {'  '.join(urls)}", f"Models: {_models(catalog)}"]
    if hints and catalog.entries():
        lines += ["Try:", *(f"  {hint}" for hint in hints)]
    return "\n".join([*lines, "Ctrl-C stops the server."])


def _models(catalog: Catalog) -> str:
    ids = [f"{entry.id} (default)" if entry.id == catalog.default else entry.id for entry in catalog.entries()]
    if not ids:
        return "none; `heylookllm doctor` says what is missing"
    return ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
