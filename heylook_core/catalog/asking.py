"""What plugins make of a file or folder: the question `recognise_model`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry

log = logging.getLogger(__name__)


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
