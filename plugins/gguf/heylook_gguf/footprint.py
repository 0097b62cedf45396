"""How many bytes of KV cache a sequence takes."""

from __future__ import annotations

from typing import NamedTuple

from heylook_core.errors import LoadFailed
from heylook_gguf.context import DONE, Context


class Footprint(NamedTuple):
    """Bytes for each token, and for each sequence whatever its length (recurrent layers)."""

    per_token: int
    fixed: int = 0

    def of(self, tokens: int) -> int:
        return tokens * self.per_token + self.fixed if tokens else 0


def measured(context: Context) -> Footprint:
    """Of an architecture that has recurrent layers, or layers that differ: by the state of one token and of two.

    The file tells the dimensions of one layer only. Raises LoadFailed for a model that does not compute.
    """
    sizes = []
    for position in range(2):
        context.batch.clear()
        context.batch.add([0], position, 0, output=True)
        if context.decode() != DONE:
            raise LoadFailed("The model was loaded, but llama.cpp cannot compute with it.")
        sizes.append(context.state_bytes(0))
    context.truncate(0, 0)
    per_token = max(sizes[1] - sizes[0], 0)
    return Footprint(per_token, max(sizes[0] - per_token, 0))
