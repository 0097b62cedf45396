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

from heylook_core.errors import InvalidRequest
from heylook_core.workers.protocol import FromWorker, ToWorker

_LENGTH = struct.Struct("<I")
LARGEST_FRAME = 1 << 30
LARGEST_FLOAT = 1 << 1023

encoder = msgspec.msgpack.Encoder()
to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def pack(message: Any) -> bytes:
    """A whole frame. Raises InvalidRequest for an integer that has no room on the wire."""
    try:
        payload = encoder.encode(message)
    except OverflowError:
        payload = encoder.encode(_narrowed(message))
    return _LENGTH.pack(len(payload)) + payload


def _narrowed(value: Any, free: bool = False) -> Any:
    """Integers beyond 64 bits, inside of JSON that is free in its form, as the floats that most readers make of them.

    A schema may well say that a number is below 2**128. Elsewhere they are a mistake. Raises InvalidRequest.
    """
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: _narrowed(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, dict):
        return {key: _narrowed(one, True) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_narrowed(one, free) for one in value)
    if not isinstance(value, int) or -(2**63) <= value < 2**64:
        return value
    if not free:
        raise InvalidRequest(f"The integer {str(value)[:40]} is out of range: 64 bits are the most.")
    return float(value) if abs(value) < LARGEST_FLOAT else None


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
