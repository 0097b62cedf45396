"""Frames on a stream socket: a length and one msgpack message.

0        4            4 + length
| length | message    |      length: unsigned, little-endian
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from heylook_core.workers.protocol import FromWorker, ToWorker

_LENGTH = struct.Struct("<I")
LARGEST_FRAME = 1 << 30

encoder = msgspec.msgpack.Encoder()
to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def pack(message: Any) -> bytes:
    """A whole frame."""
    payload = encoder.encode(message)
    return _LENGTH.pack(len(payload)) + payload


class FrameBuffer:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._data += data
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            frame = bytes(memoryview(self._data)[_LENGTH.size : end])
            del self._data[:end]
            yield frame


def read_frames(sock: socket.socket) -> Iterator[bytes]:
    """Frames of a blocking socket until the other side closes it."""
    buffer = FrameBuffer()
    while data := sock.recv(1 << 16):
        yield from buffer.feed(data)
