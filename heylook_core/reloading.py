"""Settings read again while serving: all of them or none, and loaded models follow when they are idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from heylook_core.errors import ConfigError, InvalidRequest, Unsupported
from heylook_core.settings import Settings

if TYPE_CHECKING:
    from heylook_core.catalog.shelf import Shelf
    from heylook_core.serving import Serving

log = logging.getLogger(__name__)

Source: TypeAlias = "Callable[[], tuple[Settings, Shelf]]"
"""Reads and checks everything anew and changes nothing. Raises ConfigError. Called on a thread."""

# What takes effect at once; the rest is only read at start.
LIVE = (
    "default_model",
    "max_loaded_models",
    "memory_budget",
    "keep_alive",
    "prefix_cache_bytes",
    "prefix_tier",
    "scan",
    "models",
)


class Reloaded(msgspec.Struct, frozen=True):
    """Ids of models by what became of them. Those in `when_idle` are loaded and change or leave once they are idle.

    `restart_needed` has the settings that differ but are only read at start.
    """

    models_available: tuple[str, ...]
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    when_idle: tuple[str, ...] = ()
    restart_needed: tuple[str, ...] = ()


async def reload(serving: Serving, source: Source | None) -> Reloaded:
    """Read models.yaml again. Raises InvalidRequest with its mistake, and nothing has changed then."""
    if source is None:
        raise Unsupported("This server was started without a configuration that could be read again.")
    try:
        settings, shelf = await asyncio.to_thread(source)
    except ConfigError as error:
        raise InvalidRequest(f"Nothing has changed, because of a mistake: {error.message}") from error
    before = serving.settings
    fixed = [name for name in before.__struct_fields__ if name not in LIVE]
    needed = [path for name in fixed for path in differing(getattr(before, name), getattr(settings, name), name)]
    serving.settings = msgspec.structs.replace(settings, **{name: getattr(before, name) for name in fixed})
    changes = serving.catalog.adopt(shelf)
    entries = {entry.id: entry for entry in serving.catalog.entries()}
    waiting = await serving.residency.adopt(serving.settings, entries)
    log.info("models.yaml was read again: %d models", len(entries))
    return Reloaded(
        models_available=tuple(entries),
        added=changes.added,
        changed=changes.changed,
        removed=changes.removed,
        when_idle=tuple(waiting),
        restart_needed=tuple(needed),
    )


def differing(old: object, new: object, name: str) -> list[str]:
    """The paths at which two settings differ."""
    if old == new:
        return []
    if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct) and type(old) is type(new):
        fields = old.__struct_fields__
        return [
            path for field in fields for path in differing(getattr(old, field), getattr(new, field), f"{name}.{field}")
        ]
    return [name]
