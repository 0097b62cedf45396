"""The tier `disk`: entries in a folder of their own for each model, within a byte budget."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import numpy as np

from heylook_core.errors import PluginError
from heylook_core.prefix.cache import common_prefix
from heylook_core.prefix.figures import TierFigures
from heylook_core.prefix.tier import Found, PrefixTier, Stored
from heylook_disk_cache import entry

log = logging.getLogger(__name__)

LOCK = "lock"
# How the folder of a model is called.
MODEL = "[0-9a-f]" * 16


AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class DiskConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`folder` holds a subfolder for each model; `max_bytes` bounds the entries of one model.

    What a model left there that has not been loaded for `unused_days` is removed.
    """

    folder: str = "~/.cache/heylook/prefixes"
    max_bytes: AtLeastOne = 8 << 30
    unused_days: AtLeastOne = 30


class Kept(msgspec.Struct):
    """An entry as the index knows it; `used` orders entries by last use.

    One that the system could not read is not used until the next start, but counts and leaves as any other.
    """

    path: Path
    tokens: np.ndarray[Any, Any]
    nbytes: int
    used: float
    readable: bool = True


class DiskTier(PrefixTier):
    """Keeps entries as files. The folder is locked: a second server on it is refused. io thread only.

    A file that is damaged, foreign or of another model's making is removed when it is met; one that cannot be read is
    left alone. The least recently used entry leaves first; the time of use is the file's own, so the order survives
    a restart.
    """

    Config = DiskConfig

    def __init__(self, config: DiskConfig, fingerprint: str, trims: bool) -> None:
        self._fingerprint = fingerprint
        self._trims = trims
        self._budget = config.max_bytes
        name = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
        self._folder = Path(config.folder).expanduser() / name
        self._hits = self._evictions = self._damaged = 0
        self._lock = _locked(self._folder)
        os.utime(self._lock.fileno())
        _forget_unused(self._folder.parent, time.time() - config.unused_days * 86_400)
        self._entries = self._index()
        self._make_room(0, self._budget)

    def probe(self, tokens: np.ndarray[Any, Any]) -> Found | None:
        best = max(
            (Found(key, self._usable(kept, tokens)) for key, kept in self._readable.items()),
            key=lambda found: found.n,
            default=None,
        )
        return best if best is not None and best.n > 0 else None

    def fetch(self, key: str) -> Stored | None:
        kept = self._entries.get(key)
        if kept is None:
            return None
        try:
            head, buffers = entry.read(kept.path)
        except (entry.Damaged, FileNotFoundError) as error:
            self._skip(kept.path, error)
            del self._entries[key]
            return None
        except OSError as error:
            self._skip(kept.path, error)
            kept.readable = False
            return None
        self._hits += 1
        kept.used = time.time()
        with suppress(OSError):
            os.utime(kept.path, (kept.used, kept.used))
        return Stored(head.header, buffers)

    def put(self, tokens: Sequence[int], header: dict[str, Any], buffers: list[memoryview]) -> bool:
        ids = np.asarray(tokens, dtype="<i4")
        size = sum(buffer.nbytes for buffer in buffers)
        if len(ids) == 0 or size > self._budget or self._covered(ids):
            return False
        self._make_room(size, self._budget)
        path = self._written(tokens, header, buffers)
        if path is None:
            return False
        covered = [key for key, kept in self._readable.items() if self._stands_for(ids, kept.tokens)]
        for key in covered:
            self._remove(key)
        kept = _as_it_lies(path, ids)
        if kept is not None:
            self._entries[path.stem] = kept
        self._make_room(0, self._budget)
        return path.stem in self._entries

    def _written(self, tokens: Sequence[int], header: dict[str, Any], buffers: list[memoryview]) -> Path | None:
        """The new entry's file. Where the disk is full before the budget is, the oldest entries make way for it."""
        for last in (False, True):
            try:
                return entry.write(self._folder, self._fingerprint, tokens, header, buffers)
            except OSError as error:
                if last or error.errno != errno.ENOSPC:
                    log.warning("A prefix could not be written to %s: %s", self._folder, error)
                    return None
                self._make_room(sum(buffer.nbytes for buffer in buffers), self._held)
        return None

    def clear(self) -> None:
        for key in list(self._entries):
            self._remove(key)

    def figures(self) -> TierFigures:
        return TierFigures(len(self._entries), self._held, self._hits, self._evictions, self._damaged)

    def close(self) -> None:
        self._lock.close()

    def _index(self) -> dict[str, Kept]:
        found: dict[str, Kept] = {}
        for path in self._folder.iterdir():
            if not path.is_file():
                continue
            if path.suffix == entry.PARTIAL:
                _unlink(path)
            elif path.suffix == entry.SUFFIX and (kept := self._known(path)) is not None:
                found[path.stem] = kept
        return found

    def _known(self, path: Path) -> Kept | None:
        try:
            head = entry.read_head(path)
            if head.fingerprint != self._fingerprint or path.stem != entry.key_of(head.fingerprint, head.tokens):
                raise entry.Damaged("it belongs to another model")
        except entry.Damaged as error:
            self._skip(path, error)
            return None
        except OSError as error:
            self._skip(path, error)
            return _as_it_lies(path, np.empty(0, np.int32), readable=False)
        return _as_it_lies(path, head.ids)

    def _covered(self, ids: np.ndarray[Any, Any]) -> bool:
        """Another entry can be used wherever one of these tokens could."""
        return any(self._stands_for(kept.tokens, ids) for kept in self._readable.values())

    def _stands_for(self, one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
        if not self._trims and len(one) != len(other):
            return False
        return common_prefix(one, other) == len(other)

    def _usable(self, kept: Kept, tokens: np.ndarray[Any, Any]) -> int:
        """How many of `tokens` the entry can spare: where states cannot be cut, all that it holds or nothing."""
        shared = common_prefix(kept.tokens, tokens)
        return shared if self._trims or shared == len(kept.tokens) < len(tokens) else 0

    @property
    def _readable(self) -> dict[str, Kept]:
        return {key: kept for key, kept in self._entries.items() if kept.readable}

    @property
    def _held(self) -> int:
        return sum(kept.nbytes for kept in self._entries.values())

    def _make_room(self, size: int, budget: int) -> None:
        """Remove the least recently used entries until `size` more bytes are within `budget`."""
        held = self._held
        for key in sorted(self._entries, key=lambda key: self._entries[key].used):
            if held + size <= budget:
                return
            held -= self._entries[key].nbytes
            self._evictions += 1
            self._remove(key)

    def _remove(self, key: str) -> None:
        _unlink(self._entries.pop(key).path)

    def _skip(self, path: Path, error: entry.Damaged | OSError) -> None:
        """An error of the system says nothing about the file, and may be over at the next start."""
        if isinstance(error, OSError):
            log.warning("The stored prefix %s cannot be read: %s", path.name, error)
            return
        self._damaged += 1
        log.warning("The stored prefix %s is removed: %s", path.name, error)
        _unlink(path)


def _as_it_lies(path: Path, tokens: np.ndarray[Any, Any], *, readable: bool = True) -> Kept | None:
    """None where the file is gone."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return Kept(path, tokens, stat.st_size, stat.st_mtime, readable)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("The stored prefix %s cannot be removed: %s", path.name, error)


def _forget_unused(parent: Path, before: float) -> None:
    """Remove the entries of models that nobody has opened since `before` and nobody has open now."""
    for lock in parent.glob(f"{MODEL}/{LOCK}"):
        try:
            with lock.open("rb") as file:
                if os.fstat(file.fileno()).st_mtime < before:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    for suffix in (entry.SUFFIX, entry.PARTIAL):
                        for path in lock.parent.glob(f"*{suffix}"):
                            _unlink(path)
        except OSError as error:
            log.debug("%s is left alone: %s", lock.parent, error)


def _locked(folder: Path) -> IO[bytes]:
    """Make the folder ours until the file is closed. Raises PluginError if another process has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise PluginError(f"The folder {folder} for kept prefixes cannot be used: {error}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise PluginError(
            f"Another server, or another model with the same files, keeps prefixes in {folder}; "
            "give each server a folder of its own."
        ) from error
    return file
