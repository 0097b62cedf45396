"""KV state that outlives its sequence: still in its slot, or as bytes on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from heylook_core.engine import Snapshot
from heylook_core.errors import EngineFailed

if TYPE_CHECKING:
    from heylook_gguf.slots import Slot, Slots


class Host:
    """The state of `length` tokens as llama.cpp wrote it: bytes that can be put into any slot."""

    def __init__(self, data: np.ndarray[Any, Any], length: int) -> None:
        self.data = data
        self.length = length


class GgufSnapshot(Snapshot):
    """The first `len(tokens)` tokens of what `source` holds, which may be more.

    `source` is a slot, bytes on the host, or None: then the state is gone and the tokens have to be computed
    again. Slots changes the source when it needs the slot for another sequence. Many snapshots may share a source.
    """

    def __init__(self, slots: Slots, source: Slot | Host | None, tokens: np.ndarray[Any, Any]) -> None:
        self.slots = slots
        self.tokens = tokens
        self.source = source
        slots.watch(self)

    @property
    def nbytes(self) -> int:  # type: ignore[override]
        """Bytes of KV cache that these tokens occupy in their slot, or the whole buffer on the host."""
        if isinstance(self.source, Host):
            return int(self.source.data.nbytes)
        return self.slots.footprint.of(len(self.tokens)) if self.source is not None else 0

    @property
    def in_place(self) -> bool:
        return self.source is not None and not isinstance(self.source, Host)

    def cut(self, n: int) -> GgufSnapshot | None:
        """The first `n` tokens; None where the architecture has no shorter state. Copies nothing."""
        if n != len(self.tokens) and not self.slots.trims:
            return None
        return GgufSnapshot(self.slots, self.source, self.tokens[:n])

    def export(self) -> tuple[dict[str, Any], list[memoryview]]:
        """The state's bytes, and the tokens that they cover; see `GgufEngine.restore`.

        Raises EngineFailed where the state is gone, which `nbytes` of 0 tells beforehand.
        """
        host = self.slots.host_of(self)
        if host is None or not host.data.nbytes:
            raise EngineFailed(f"The state of {len(self.tokens)} tokens is gone; there is nothing to export.")
        header = {"length": len(self.tokens), "covered": host.length}
        return header, [self.tokens.view(np.uint8).data, host.data.data]

    def drop(self) -> None:
        self.slots.forget(self)
        self.source = None
