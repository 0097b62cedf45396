"""One file from the hub: kept in part when it breaks off, gone on with later, and compared with its checksum."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from heylook_core.catalog.hub import Hub, Interrupted, RemoteFile, Repository
from heylook_core.errors import Cancelled, PullFailed

PARTIAL = ".partial"
READ_BYTES = 1 << 20
ATTEMPTS = 4
PAUSE_SECONDS = 0.5

OnBytes = Callable[[int], None]


def digest_of(path: Path, like: str, size: int) -> str:
    """The digest of a file in the form of `like` (`sha256:` of the content or `sha1:` of git's blob)."""
    return _started(path, like, size)[0].name_and_digest()


class _Digest:
    """git hashes a header with the size before the content."""

    def __init__(self, like: str, size: int) -> None:
        self._algorithm = like.partition(":")[0]
        self._hash: Any = hashlib.sha256() if self._algorithm == "sha256" else hashlib.sha1(usedforsecurity=False)
        if self._algorithm == "sha1":
            self._hash.update(b"blob %d\0" % size)
        self.update = self._hash.update

    def name_and_digest(self) -> str:
        return f"{self._algorithm}:{self._hash.hexdigest()}"


def _started(path: Path, like: str, size: int) -> tuple[_Digest, int]:
    """The digest of what is there so far, and its bytes."""
    digest, done = _Digest(like, size), 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
            done += len(piece)
    return digest, done


def is_there(folder: Path, file: RemoteFile) -> bool:
    """Whether the file lies complete in the folder; reads all of it to compare the checksum."""
    path = folder / file.name
    try:
        return path.stat().st_size == file.bytes and digest_of(path, file.digest, file.bytes) == file.digest
    except FileNotFoundError:
        return False


def partial_path(folder: Path, file: RemoteFile) -> Path:
    """Named by the digest, so that what was begun of another version is never gone on with."""
    return folder / PARTIAL / file.digest.replace(":", "-")


def begun_bytes(folder: Path, file: RemoteFile) -> int:
    try:
        return min(partial_path(folder, file).stat().st_size, file.bytes)
    except FileNotFoundError:
        return 0


def fetch(
    hub: Hub, repository: Repository, file: RemoteFile, folder: Path, on_bytes: OnBytes, cancelled: threading.Event
) -> None:
    """Bring the file into the folder. `on_bytes` is told how many of its bytes there are, on this thread.

    Goes on by itself after an interruption, until four in a row have brought nothing. Raises Cancelled and
    PullFailed, which leave what has arrived for the next time, but for a wrong checksum; Forbidden, ModelNotFound.
    """
    partial = partial_path(folder, file)
    partial.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        before = begun_bytes(folder, file)
        try:
            _go_on(hub, repository, file, partial, on_bytes, cancelled)
            break
        except Interrupted as error:
            failures = failures + 1 if begun_bytes(folder, file) <= before else 1
            if failures >= ATTEMPTS:
                raise PullFailed(f"{error.message} What has arrived is kept; pull again to go on.") from error
            if cancelled.wait(PAUSE_SECONDS * failures):
                raise Cancelled("The pull was ended; what has arrived is kept.") from error
    target = folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.replace(target)


def _go_on(
    hub: Hub, repository: Repository, file: RemoteFile, partial: Path, on_bytes: OnBytes, cancelled: threading.Event
) -> None:
    digest, done = _started(partial, file.digest, file.bytes)
    if done > file.bytes:
        partial.unlink()
        digest, done = _Digest(file.digest, file.bytes), 0
    if done < file.bytes or not partial.exists():
        with hub.reading(repository, file, done) as (start, pieces), partial.open("ab") as output:
            if start != done:
                output.truncate(0)
                digest, done = _Digest(file.digest, file.bytes), 0
            for piece in pieces:
                if cancelled.is_set():
                    raise Cancelled("The pull was ended; what has arrived is kept.")
                _write(output, piece, partial)
                digest.update(piece)
                done += len(piece)
                on_bytes(done)
    _compare(file, digest.name_and_digest(), done, partial)


def _write(output: BinaryIO, piece: bytes, partial: Path) -> None:
    try:
        output.write(piece)
    except OSError as error:
        raise PullFailed(f"{partial} cannot be written: {error}. Make room, then pull again to go on.") from error


def _compare(file: RemoteFile, found: str, done: int, partial: Path) -> None:
    if done < file.bytes:
        raise Interrupted(f"{file.name} ended after {done} of {file.bytes} bytes.")
    if file.digest and found != file.digest:
        partial.unlink()
        raise PullFailed(
            f"{file.name} arrived damaged: its checksum is {found}, and {file.digest} was expected; it has been "
            "removed. Pull again to fetch it anew."
        )
