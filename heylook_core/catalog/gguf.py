"""The header of a GGUF file: its keys and values and the shapes of its tensors, without llama.cpp.

Layout: the GGUF specification (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
VERSIONS = (2, 3)
LONGEST_ARRAY = 5
MOST_DIMENSIONS = 4
SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)

# `general.file_type` by llama.cpp's llama_ftype.
FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
}


class NotGguf(ValueError):
    """The file is something else, or damaged; the text goes on after "…, because"."""


class GgufHeader(msgspec.Struct, frozen=True):
    """What a file says of itself.

    `values` by key, with arrays of more than five emptied (vocabularies); `tensors` is their number, `parameters` the
    number of weights in them.
    """

    values: dict[str, Any]
    tensors: int
    parameters: int

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    @property
    def quantization(self) -> str:
        return FILE_TYPES.get(self.values.get("general.file_type", -1), "")

    @property
    def is_sidecar(self) -> bool:
        """A vision projector, an adapter or an importance matrix: belongs to a model, is none."""
        return self.is_projector or self.kind in ("adapter", "imatrix", "vocab")

    @property
    def is_projector(self) -> bool:
        """What turns images or sound into the embeddings of a language model."""
        return self.architecture == "clip" or self.kind == "mmproj"

    @property
    def kind(self) -> str:
        """`model` unless the file says otherwise."""
        return str(self.values.get("general.type", "model"))

    def value(self, key: str) -> Any:
        """What stands below the architecture under this key, such as `context_length`; None if nothing does."""
        return self.values.get(f"{self.architecture}.{key}")


def read_header(path: Path, *, whole: bool = True) -> GgufHeader:
    """The header of a file. Without `whole`, only what stands before the tokenizer, and no `parameters`.

    Reading past a vocabulary of 150,000 tokens takes a tenth of a second, the beginning microseconds. Raises
    NotGguf, or OSError where the file cannot be read.
    """
    with _reader(path) as reader:
        return reader.header(whole)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Every tensor with its shape, the innermost dimension first. Raises NotGguf or OSError."""
    with _reader(path) as reader:
        return reader.shapes()


def is_gguf(path: Path) -> bool:
    """By its first four letters, whatever it is called. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


@contextmanager
def _reader(path: Path) -> Iterator[_Reader]:
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGguf("it does not begin with the four letters GGUF")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                yield _Reader(data)
            except (struct.error, KeyError, OverflowError, RecursionError, MemoryError) as error:
                raise NotGguf("its header is damaged or cut off") from error


def shard(path: Path) -> tuple[int, int] | None:
    """(number, of how many) for a part of a split model, by its name; None for a whole one."""
    match = SHARD.search(path.name)
    return (int(match[1]), int(match[2])) if match else None


class _Reader:
    """A place in the file, moving on."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = len(MAGIC)

    def header(self, whole: bool) -> GgufHeader:
        tensors, values = self._start(whole)
        parameters = sum(math.prod(shape) for _, shape in self._tensors(tensors)) if whole else 0
        return GgufHeader(values, tensors, parameters)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        tensors, _ = self._start(whole=True)
        return dict(self._tensors(tensors))

    def _start(self, whole: bool) -> tuple[int, dict[str, Any]]:
        """The number of tensors, and the values that stand before them."""
        version, tensors, count = self._unpack("<IQQ")
        if version not in VERSIONS:
            raise NotGguf(f"it is of GGUF version {version}, and only 2 and 3 are known")
        values = {}
        for _ in range(count):
            key = self._text()
            if not whole and key.startswith("tokenizer."):
                break
            values[key] = self._value(self._unpack("<I")[0])
        return tensors, values

    def _tensors(self, count: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for _ in range(count):
            name = self._text()
            (dimensions,) = self._unpack("<I")
            if dimensions > MOST_DIMENSIONS:
                raise KeyError(f"a tensor of {dimensions} dimensions")
            shape = self._unpack(f"<{dimensions}Q")
            self._at += 4 + 8  # type and offset
            yield name, shape

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._text()
        if kind == ARRAY:
            return self._array()
        return self._unpack("<" + SCALARS[kind])[0]

    def _array(self) -> list[Any]:
        kind, count = self._unpack("<IQ")
        if count <= LONGEST_ARRAY:
            return [self._value(kind) for _ in range(count)]
        if kind == STRING:
            for _ in range(count):
                self._skip_text()
        elif kind == ARRAY:
            for _ in range(count):
                self._array()
        else:
            self._at += struct.calcsize(SCALARS[kind]) * count
        return []

    def _text(self) -> str:
        (length,) = self._unpack("<Q")
        text = self._data[self._at : self._at + length]
        if len(text) != length:
            raise KeyError("the file ends inside a text")
        self._at += length
        return text.decode("utf-8", "replace")

    def _skip_text(self) -> None:
        (length,) = self._unpack("<Q")
        self._at += length

    def _unpack(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return found
