"""What plugins make of model files: the answers to `recognise_model`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from heylook_core.settings import ModelEntry


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
