"""The input of one `llama_decode`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from heylook_gguf.library import Library


class Batch:
    """A `llama_batch` whose arrays are numpy views, filled without a ctypes call per token.

    At most `capacity` tokens, each of one sequence. Not thread-safe; the arrays live as long as this object.
    """

    def __init__(self, library: Library, capacity: int) -> None:
        self.capacity = capacity
        self.n = 0
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequence_counts = np.ones(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._outputs = np.zeros(capacity, np.int8)
        first = self._sequences.ctypes.data
        self._pointers = np.arange(first, first + 4 * capacity, 4, dtype=np.uintp)
        self._c = library.c.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._sequence_counts, ctypes.c_int32),
            seq_id=ctypes.cast(self._pointers.ctypes.data, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )

    def clear(self) -> None:
        self.n = 0

    def add(self, tokens: Sequence[int], position: int, sequence: int, *, output: bool) -> int:
        """Append tokens of a sequence from `position` on; `output` asks for the last one's logits.

        Returns the index of the last token, by which its logits are found. Raises ValueError when it is too much.
        """
        start, end = self.n, self.n + len(tokens)
        if end > self.capacity:
            raise ValueError(f"a batch of {end} tokens was built, but {self.capacity} is the most that fits")
        self._tokens[start:end] = tokens
        self._positions[start:end] = np.arange(position, position + len(tokens), dtype=np.int32)
        self._sequences[start:end] = sequence
        self._outputs[start:end] = 0
        if output:
            self._outputs[end - 1] = 1
        self.n = end
        return end - 1

    def want_all(self) -> None:
        """Ask for the output of every token."""
        self._outputs[: self.n] = 1

    @property
    def c(self) -> Any:
        """The structure to pass to llama.cpp."""
        self._c.n_tokens = self.n
        return self._c


def _pointer(array: np.ndarray[Any, Any], kind: type[Any]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
