"""The files of the built app, by their names below the address of the app."""

from __future__ import annotations

import gzip
import hashlib
import threading
from pathlib import Path

import msgspec

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
HASHED = "assets/"

TEXTS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
OTHERS = {".ico": "image/x-icon", ".png": "image/png", ".woff2": "font/woff2"}


class File(msgspec.Struct, frozen=True):
    """What is sent. `packed` is the content as gzip, None where that would not be smaller; `tag` is its ETag."""

    content: bytes
    packed: bytes | None
    content_type: str
    tag: str


class Files:
    """Reads files below a folder and keeps them, until they change. Any thread."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder.resolve()
        self._lock = threading.Lock()
        self._kept: dict[Path, tuple[int, File]] = {}

    @property
    def built(self) -> bool:
        return (self._folder / INDEX).is_file()

    def get(self, name: str) -> File | None:
        """The file of that name; None where there is none of a kind that the app has."""
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or path.suffix not in TEXTS | OTHERS or not path.is_file():
            return None
        changed = path.stat().st_mtime_ns
        with self._lock:
            known = self._kept.get(path)
            if known is None or known[0] != changed:
                known = self._kept[path] = (changed, read(path))
        return known[1]


def read(path: Path) -> File:
    content = path.read_bytes()
    packed = gzip.compress(content, mtime=0) if path.suffix in TEXTS else None
    if packed is not None and len(packed) >= len(content):
        packed = None
    tag = hashlib.sha256(content).hexdigest()[:32]
    return File(content, packed, (TEXTS | OTHERS)[path.suffix], f'"{tag}"')


def is_hashed(name: str) -> bool:
    """Whether a file of this name never changes: the bundler puts a hash of the content into the name."""
    return name.startswith(HASHED)
