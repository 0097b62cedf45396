"""Folders below a folder, each once: links that lead in circles end, what cannot be read is reported."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

State: TypeAlias = tuple[tuple[str, int, int], ...]
OnError: TypeAlias = Callable[[Path, str], None]


class Folder(NamedTuple):
    """`files` are those in it, without hidden ones, by name; `state` changes when one comes, goes or is written, and
    when a folder comes or goes.
    """

    path: Path
    files: tuple[Path, ...]
    state: State


def folders(root: Path, on_error: OnError) -> list[Folder]:
    """`root` and the folders below it, in order of their paths; hidden ones are left out, links are followed.

    A folder that links lead to as well has the path without them. `on_error` is told of folders and files that cannot
    be read.
    """
    return sorted(_walk(root, on_error), key=lambda folder: folder.path)


def _walk(root: Path, on_error: OnError) -> Iterator[Folder]:
    seen: set[tuple[int, int]] = set()
    waiting, links = deque([root]), deque[Path]()
    while waiting or links:
        path = waiting.popleft() if waiting else links.popleft()
        try:
            stat = path.stat()
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            on_error(path, f"The folder cannot be read ({error.strerror}).")
            continue
        if (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        visible = [entry for entry in entries if not entry.name.startswith(".")]
        yield _folder(path, visible, on_error)
        for entry in visible:
            if _is_folder(entry):
                (links if entry.is_symlink() else waiting).append(path / entry.name)


def _folder(path: Path, entries: list[os.DirEntry[str]], on_error: OnError) -> Folder:
    files, state = [], []
    for entry in entries:
        if _is_folder(entry):
            state.append((entry.name, 0, 0))
            continue
        try:
            stat = entry.stat()
        except OSError as error:
            reason = "It is a link to nowhere." if entry.is_symlink() else f"It cannot be read ({error.strerror})."
            on_error(path / entry.name, reason)
            continue
        if entry.is_file():
            files.append(path / entry.name)
            state.append((entry.name, stat.st_size, stat.st_mtime_ns))
    return Folder(path, tuple(files), tuple(state))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
