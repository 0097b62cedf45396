"""The beginning of a GGUF file, read without llama.cpp: enough to recognise it and to explain what is wrong.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST_STRING = 1 << 20
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


class NotGguf(Exception):
    """The file is something else, or damaged; the text says what was found."""


class Header(msgspec.Struct, frozen=True):
    """What stands before the tokenizer: number of tensors, and the scalar and text values by key."""

    tensors: int
    values: dict[str, Any]

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    @property
    def is_sidecar(self) -> bool:
        """A vision projector, a LoRA adapter or an importance matrix: belongs to a model, is none."""
        kind = str(self.values.get("general.type", "model"))
        return self.architecture == "clip" or kind in ("mmproj", "adapter", "imatrix", "vocab")


def read_header(path: Path) -> Header:
    """The header of a file. Raises `NotGguf`, or OSError where it cannot be read."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise NotGguf("it does not begin with the four letters GGUF")
        try:
            return _rest(file)
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            raise NotGguf("its header is damaged or cut off") from error


def shard(path: Path) -> tuple[int, int] | None:
    """(number, of how many) for a part of a split model, by its name; None for a whole one."""
    match = _SHARD.search(path.name)
    return (int(match[1]), int(match[2])) if match else None


def _rest(file: BinaryIO) -> Header:
    version, tensors, count = _unpack(file, "<IQQ")
    if not 2 <= version <= 3:
        raise NotGguf(f"it is of GGUF version {version}, and only 2 and 3 are known")
    values: dict[str, Any] = {}
    for _ in range(count):
        key = _text(file)
        if key.startswith("tokenizer."):
            break
        values[key] = _value(file, _unpack(file, "<I")[0])
    return Header(tensors, values)


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind != _ARRAY:
        return _unpack(file, "<" + _scalar(kind))[0]
    inner, count = _unpack(file, "<IQ")
    if inner in (_STRING, _ARRAY):
        for _ in range(count):
            _value(file, inner)
    else:
        file.seek(struct.calcsize(_scalar(inner)) * count, 1)
    return None


def _scalar(kind: int) -> str:
    if kind not in _SCALARS:
        raise NotGguf(f"its header has a value of the unknown kind {kind}")
    return _SCALARS[kind]


def _text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<Q")
    if length > _LONGEST_STRING:
        raise ValueError("a text of this length cannot be meant")
    data = file.read(length)
    if len(data) != length:
        raise ValueError("the file ends inside a text")
    return data.decode()


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
