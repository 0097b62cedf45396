"""One snapshot as a file.

    | "HLKV2\\n" | length of head (8 bytes) | its checksum (4 bytes) | head (msgpack) | buffers, one after the other |

Numbers are little-endian, checksums CRC-32. The head names the fingerprint, the tokens, the engine's own header, and
size and checksum of every buffer. The file's name is a hash of fingerprint and tokens, so it is safe on any file
system, whatever the model is called.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

MAGIC = b"HLKV2\n"
SUFFIX = ".kv"
PARTIAL = ".partial"
LARGEST_HEAD = 64 << 20
_LEAD = struct.Struct("<QI")


class Damaged(Exception):
    """The file is not what it says it is."""


class Head(msgspec.Struct, frozen=True):
    """What can be known of an entry without reading its buffers. `tokens` are int32, little-endian."""

    fingerprint: str
    tokens: bytes
    header: dict[str, Any]
    sizes: tuple[int, ...]
    checksums: tuple[int, ...]

    @property
    def ids(self) -> np.ndarray[Any, Any]:
        return np.frombuffer(self.tokens, dtype="<i4")


_decoder = msgspec.msgpack.Decoder(Head)


def key_of(fingerprint: str, tokens: bytes) -> str:
    return hashlib.sha256(fingerprint.encode() + b"\0" + tokens).hexdigest()[:40]


def write(
    folder: Path, fingerprint: str, tokens: Sequence[int], header: dict[str, Any], buffers: Sequence[memoryview]
) -> Path:
    """Write an entry so that it is there whole or not at all. Raises OSError.

    Nothing is forced onto the disk: what a power failure takes is found out by its checksums.
    """
    ids = np.asarray(tokens, dtype="<i4").tobytes()
    flat = [buffer.cast("B") if buffer.nbytes else buffer for buffer in buffers]
    head = Head(fingerprint, ids, header, tuple(one.nbytes for one in flat), tuple(map(zlib.crc32, flat)))
    encoded = msgspec.msgpack.encode(head)
    target = folder / (key_of(fingerprint, ids) + SUFFIX)
    partial = target.with_suffix(PARTIAL)
    try:
        with partial.open("wb") as file:
            file.write(MAGIC + _LEAD.pack(len(encoded), zlib.crc32(encoded)) + encoded)
            for one in flat:
                file.write(one)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return target


def read_head(path: Path) -> Head:
    """Raises Damaged, or OSError. The file has to be as long as its head says."""
    with path.open("rb") as file:
        head = _head(file)
        if os.fstat(file.fileno()).st_size != file.tell() + sum(head.sizes):
            raise Damaged("it is cut short or has something appended")
    return head


def read(path: Path) -> tuple[Head, list[memoryview]]:
    """The whole entry, checked against its checksums. Raises Damaged, or OSError."""
    with path.open("rb") as file:
        head = _head(file)
        buffers: list[memoryview] = []
        for size, checksum in zip(head.sizes, head.checksums, strict=True):
            data = file.read(size)
            if len(data) != size or zlib.crc32(data) != checksum:
                raise Damaged("a checksum is wrong")
            buffers.append(memoryview(data))
    return head, buffers


def _head(file: BinaryIO) -> Head:
    if file.read(len(MAGIC)) != MAGIC:
        raise Damaged("it is no snapshot file")
    raw = file.read(_LEAD.size)
    if len(raw) != _LEAD.size:
        raise Damaged("its head is cut short")
    length, checksum = _LEAD.unpack(raw)
    encoded = file.read(length) if length <= LARGEST_HEAD else b""
    if len(encoded) != length or zlib.crc32(encoded) != checksum:
        raise Damaged("the checksum of its head is wrong")
    try:
        head = _decoder.decode(encoded)
    except msgspec.DecodeError as error:
        raise Damaged("its head cannot be read") from error
    if len(head.sizes) != len(head.checksums) or len(head.tokens) % 4:
        raise Damaged("its head contradicts itself")
    return head
