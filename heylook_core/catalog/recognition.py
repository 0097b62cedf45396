"""What plugins make of model files: the question `recognise_model`, and its answers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec

from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry

log = logging.getLogger(__name__)


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a plugin serves, as told by the headers of its files.

    `entry` has its path and what the files ask for; `files` are all that belong to it. `context` is the longest
    sequence that it was trained for (0 if unknown), `generates` whether it writes text, so that sampling means
    something. `notes` are sentences on what is left out.
    """

    entry: ModelEntry
    files: tuple[Path, ...] = ()
    context: int = 0
    generates: bool = True
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Size on disk. Raises OSError where a file has gone."""
        return sum(file.stat().st_size for file in self.files)


class Unservable(msgspec.Struct, frozen=True):
    """Files that are, or belong to, a model which cannot be served as it lies there; `reason` is a sentence."""

    reason: str


def recognise(path: Path, plugins: Plugins, companions: tuple[Path, ...] = ()) -> Recognised | Unservable | None:
    """What the first plugin that knows `path` makes of it; None if none does. Blocks; raises nothing.

    `companions` are files that belong to the model by another program's records, wherever they lie.
    """
    refused = None
    for answer in plugins.ask("recognise_model", path=path, companions=companions):
        if isinstance(answer, Recognised):
            return answer
        if isinstance(answer, ModelEntry):
            return Recognised(entry=answer, files=_files(path))
        if isinstance(answer, Unservable):
            refused = refused or answer
        else:
            _complain(path, answer)
    return refused


def _files(path: Path) -> tuple[Path, ...]:
    try:
        return (path,) if path.is_file() else tuple(sorted(found for found in path.iterdir() if found.is_file()))
    except OSError:
        return ()


def _complain(path: Path, answer: Any) -> None:
    log.warning("A plugin's recognise_model answered %r for %s; it is left out.", answer, path)
