"""How llama.cpp wants the rows of matrices that Hugging Face orders otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def interleaved(matrix: Array, heads: int) -> Array:
    """Rows of each head from halves to pairs: llama.cpp rotates neighbours, Hugging Face halves.

    `matrix` is that of the queries or of the keys, of shape (heads * head size, width).
    """
    rows = matrix.shape[0] // heads // 2
    found: Array = matrix.reshape(heads, 2, rows, -1).swapaxes(1, 2).reshape(matrix.shape)
    return found
