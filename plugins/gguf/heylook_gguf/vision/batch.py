"""The input of one computation over embeddings."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from heylook_gguf.library import Library

Array = np.ndarray[Any, Any]


class EmbeddingBatch:
    """A `llama_batch` of embeddings (n, width) of one sequence at `places` (planes, n); the last may be an output."""

    def __init__(self, library: Library, embeddings: Array, places: Array, sequence: int, *, output: bool) -> None:
        self.n = len(embeddings)
        self._embeddings = np.ascontiguousarray(embeddings, np.float32)
        self._positions = np.ascontiguousarray(places, np.int32)
        self._counts = np.ones(self.n, np.int32)
        self._sequence = np.array([sequence], np.int32)
        self._pointers = np.full(self.n, self._sequence.ctypes.data, np.uintp)
        self._outputs = np.zeros(self.n, np.int8)
        self._outputs[-1] = output
        self.c = library.c.llama_batch(
            n_tokens=self.n,
            token=None,
            embd=_pointer(self._embeddings, ctypes.c_float),
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=ctypes.cast(self._pointers.ctypes.data, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )


def _pointer(array: Array, kind: type[Any]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
