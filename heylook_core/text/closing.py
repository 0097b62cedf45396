"""How an unfinished JSON text can be brought to an end, so that one which is cut can still be read."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Expected: TypeAlias = Literal["value", "item", "key", "name", "colon", "after", "string", "scalar"]
"""What comes next. `item` and `name` are the first of a list or an object, which may be left out; a `key` may not."""

_SPACE = frozenset(b" \t\r\n")
_LITERALS = (b"true", b"false", b"null")
_HEX = 4


class JsonEnding:
    """Follows a JSON text byte by byte, and knows the shortest text that ends it."""

    def __init__(self) -> None:
        self._open: list[int] = []
        self._expected: Expected = "value"
        self._key = False
        self._escape = b""
        self._scalar = bytearray()
        self._broken = False

    def push(self, data: bytes) -> None:
        for byte in data:
            if self._expected == "string":
                self._in_string(byte)
            else:
                self._structure(byte)

    def text(self) -> str | None:
        """What to write to be done, empty where nothing is missing; None where this is no JSON."""
        if self._broken:
            return None
        return (self._value() + b"".join(b"}" if one == ord("{") else b"]" for one in reversed(self._open))).decode()

    # ------------------------------------------------------------------ what is missing

    def _value(self) -> bytes:
        match self._expected:
            case "value":
                return b"null" if self._open else b"{}"
            case "key":
                return b'"":null'
            case "colon":
                return b":null"
            case "string":
                return self._escaped() + (b'":null' if self._key else b'"')
            case "scalar":
                return self._rest_of_scalar()
            case _:
                return b""

    def _escaped(self) -> bytes:
        """The rest of an escape that has begun: a backslash of itself, zeros of a number."""
        if self._escape == b"\\":
            return b"\\"
        return b"0" * (_HEX + len(b"\\u") - len(self._escape)) if self._escape else b""

    def _rest_of_scalar(self) -> bytes:
        scalar = bytes(self._scalar)
        for literal in _LITERALS:
            if literal.startswith(scalar):
                return literal.removeprefix(scalar)
        return b"" if scalar[-1:].isdigit() else b"0"

    # ------------------------------------------------------------------ what has come

    def _in_string(self, byte: int) -> None:
        if self._escape:
            self._escape += bytes([byte])
            if not re.fullmatch(rb"\\(u[0-9a-fA-F]{0,3})?", self._escape):
                self._escape = b""
        elif byte == ord("\\"):
            self._escape = b"\\"
        elif byte == ord('"'):
            self._expected = "colon" if self._key else "after"

    def _structure(self, byte: int) -> None:
        if self._expected == "scalar":
            if byte not in b",]} \t\r\n":
                self._scalar.append(byte)
                return
            self._expected = "after"
        if byte in _SPACE:
            return
        if self._expected in ("value", "item"):
            self._begin(byte)
        elif self._expected in ("key", "name") and byte == ord('"'):
            self._expected, self._key = "string", True
        elif self._expected == "colon" and byte == ord(":"):
            self._expected = "value"
            return
        elif self._expected == "after" and byte == ord(",") and self._open:
            self._expected = "key" if self._open[-1] == ord("{") else "value"
        else:
            self._end(byte)

    def _begin(self, byte: int) -> None:
        """The first byte of a value, or the end of an empty list."""
        if byte in b"{[":
            self._open.append(byte)
            self._expected = "name" if byte == ord("{") else "item"
        elif byte == ord('"'):
            self._expected, self._key = "string", False
        elif byte in b"-0123456789tfn":
            self._expected, self._scalar = "scalar", bytearray([byte])
        else:
            self._end(byte)

    def _end(self, byte: int) -> None:
        """A bracket that closes; anything else is no JSON."""
        pair = {ord("}"): ord("{"), ord("]"): ord("[")}
        if self._expected in ("after", "item", "name") and self._open and self._open[-1] == pair.get(byte):
            self._open.pop()
            self._expected = "after"
        else:
            self._broken = True
