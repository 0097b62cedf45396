"""What is in a GGUF file, told from another one without reading gigabytes.

Layout: the GGUF specification (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from pathlib import Path

from heylook_core.catalog.gguf import shard
from heylook_core.errors import LoadFailed

_SAMPLE_BYTES = 4096
_ALIGNMENT = b"general.alignment"
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Contents:
    """The names of a file's tensors, and a `fingerprint` of its header and the first bytes of each tensor.

    The file's size counts, its name and time do not. Passing by a vocabulary of 150,000 tokens takes a tenth of a
    second, all else some milliseconds. Raises LoadFailed for a damaged header, OSError for a file that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                header = _Header(data)
                digest = hashlib.sha256(f"{len(data)} ".encode())
                digest.update(data[: header.end])
                for offset in sorted(header.tensors.values()):
                    start = header.start + offset
                    digest.update(data[start : start + _SAMPLE_BYTES])
        except (struct.error, KeyError, IndexError, ValueError, OverflowError, RecursionError) as error:
            raise LoadFailed(f"The header of {path.name} is damaged: fetch it again.") from error
        self.tensors = frozenset(header.tensors)
        self.fingerprint = digest.hexdigest()


def parts(path: Path) -> list[Path]:
    """The files of a model whose first one is `path`."""
    part = shard(path)
    if part is None:
        return [path]
    stem = path.name[: -len("-00001-of-00001.gguf")]
    return [path.with_name(f"{stem}-{number:05}-of-{part[1]:05}.gguf") for number in range(1, part[1] + 1)]


class _Header:
    """`end` is its length; each of `tensors` begins at its number of bytes after `start`."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._alignment = 32
        tensors, values = struct.unpack_from("<QQ", data, 8)
        self.end = 24
        for _ in range(values):
            self._pass_pair()
        self.tensors = dict(self._tensor() for _ in range(tensors))
        self.start = -(-self.end // self._alignment) * self._alignment

    def _pass_pair(self) -> None:
        key, kind = self._text(), self._number("<I")
        at = self.end
        self._pass(kind)
        if key == _ALIGNMENT:
            (self._alignment,) = struct.unpack_from("<I", self._data, at)

    def _pass(self, kind: int) -> None:
        if kind == _ARRAY:
            of, count = self._number("<I"), self._number("<Q")
            self._pass_many(of, count)
        else:
            self._pass_many(kind, 1)

    def _pass_many(self, kind: int, count: int) -> None:
        if kind == _STRING:
            at, data, length = self.end, self._data, struct.Struct("<Q").unpack_from
            for _ in range(count):
                at += 8 + length(data, at)[0]
            self.end = at
        elif kind == _ARRAY:
            for _ in range(count):
                self._pass(_ARRAY)
        else:
            self.end += _SIZES[kind] * count

    def _tensor(self) -> tuple[str, int]:
        name, dimensions = self._text(), self._number("<I")
        self.end += 8 * dimensions + 4
        return name.decode("utf-8", "replace"), self._number("<Q")

    def _text(self) -> bytes:
        length = self._number("<Q")
        self.end += length
        return self._data[self.end - length : self.end]

    def _number(self, form: str) -> int:
        number: int = struct.unpack_from(form, self._data, self.end)[0]
        self.end += struct.calcsize(form)
        return number
