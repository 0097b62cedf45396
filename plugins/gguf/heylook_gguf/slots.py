"""The slots of a context: which sequence is in which, and where state goes when a slot is needed."""

from __future__ import annotations

from itertools import count
from weakref import WeakSet

import numpy as np

from heylook_gguf.context import Context
from heylook_gguf.footprint import Footprint
from heylook_gguf.snapshot import GgufSnapshot, Host
from heylook_gguf.stretch import Stretch, position_of


class Slot:
    """One KV sequence of the context. `tokens` is exactly what it holds; `busy` while a row runs on it.

    `views` are the live snapshots whose state is in this slot: each covers a beginning of `tokens`. A row that
    runs on only appends, so views stay valid beside it. `used` orders idle slots by when they were last busy.
    `stretches` are the embeddings among `tokens`, for their positions.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.tokens: list[int] = []
        self.views: WeakSet[GgufSnapshot] = WeakSet()
        self.busy = False
        self.used = 0
        self.stretches: tuple[Stretch, ...] = ()

    def position(self, index: int) -> int:
        """The model's position of the token at `index`."""
        return position_of(index, self.stretches)


class Slots:
    """Hands slots to rows and keeps snapshots alive in between. Engine thread only.

    A snapshot is a view of a slot for as long as the slot's tokens begin with it. Before tokens that a live view
    covers are removed (the slot goes to another sequence, or a row continues from an earlier token), the state
    is copied to the host, once, and the views point there from then on. Views that nobody holds cost nothing.
    Where the architecture cannot be cut (`trims` False), a state is only valid at its full length: it is copied
    before the slot's sequence grows.
    """

    def __init__(self, context: Context, number: int, footprint: Footprint, *, trims: bool, shared: bool) -> None:
        self.context = context
        self.footprint = footprint
        self.trims = trims
        self._shared = shared
        self._slots = [Slot(index) for index in range(number)]
        self._clock = count(1)

    # ------------------------------------------------------------------ rows

    def claim(self, prefix: GgufSnapshot | None, n: int, stretches: tuple[Stretch, ...] = ()) -> Slot:
        """A slot for a new row. It holds the first `n` tokens of `prefix`, or nothing where that was impossible.

        `stretches` are those of the row's whole prompt.
        """
        source = prefix.source if prefix is not None else None
        if isinstance(source, Slot) and not source.busy and self._shorten(source, n, prefix):
            slot = source
        else:
            host = self.host_of(prefix) if prefix is not None else None
            slot = self._empty_slot()
            slot.stretches = stretches
            if host is not None and prefix is not None:
                self._fill(slot, host, prefix.tokens[:n].tolist())
        slot.busy = True
        slot.stretches = stretches
        slot.used = next(self._clock)
        return slot

    def release(self, slot: Slot) -> None:
        """The row on this slot is over; its state stays until the slot is needed."""
        slot.busy = False
        slot.used = next(self._clock)
        if not slot.views:
            self._clear(slot)

    def snapshot(self, slot: Slot) -> GgufSnapshot | None:
        """What the slot holds now; None when it is empty."""
        if not slot.tokens:
            return None
        source: Slot | Host = slot
        if slot.busy and not self.trims:
            source = Host(self.context.read_state(slot.number), len(slot.tokens))
        return GgufSnapshot(self, source, np.array(slot.tokens, np.int32))

    def held(self) -> int:
        """Tokens in all slots together."""
        return sum(len(slot.tokens) for slot in self._slots)

    def give_up_oldest(self) -> bool:
        """Empty the idle slot that was used longest ago; its live views move to the host. False if there is none."""
        idle = [slot for slot in self._slots if not slot.busy and slot.tokens]
        if not idle:
            return False
        self._vacate(min(idle, key=lambda slot: slot.used))
        return True

    # ------------------------------------------------------------------ snapshots

    def watch(self, snapshot: GgufSnapshot) -> None:
        if isinstance(snapshot.source, Slot):
            snapshot.source.views.add(snapshot)

    def forget(self, snapshot: GgufSnapshot) -> None:
        """The snapshot is not needed any more; an idle slot that only it kept is emptied."""
        slot = snapshot.source
        if isinstance(slot, Slot):
            slot.views.discard(snapshot)
            if not slot.busy and not slot.views:
                self._clear(slot)

    def host_of(self, snapshot: GgufSnapshot) -> Host | None:
        """The snapshot's state as bytes, copied out of its slot if it is there; None where it is gone."""
        source = snapshot.source
        if isinstance(source, Slot):
            return Host(self.context.read_state(source.number), len(source.tokens))
        return source

    def lose_all(self) -> None:
        """The context is gone, and with it every state that was in a slot."""
        for slot in self._slots:
            for view in list(slot.views):
                view.source = None

    # ------------------------------------------------------------------ inside

    def _empty_slot(self) -> Slot:
        """An idle slot, emptied: best one that keeps nothing, then one between busy ones, beside one, the oldest.

        llama.cpp computes only neighbours together (`llama_batch_allocr::split_equal` of its sources): rows in slots
        0, 1 and 2 take one pass over the weights, rows in 0, 2 and 4 three.
        """
        busy = {slot.number for slot in self._slots if slot.busy}

        def rank(slot: Slot) -> tuple[bool, int, int]:
            neighbours = len(busy & {slot.number - 1, slot.number + 1})
            return bool(slot.views), -neighbours, slot.used

        slot = min((slot for slot in self._slots if not slot.busy), key=rank)
        self._vacate(slot)
        return slot

    def _vacate(self, slot: Slot) -> None:
        self._spill(slot, list(slot.views))
        self._clear(slot)

    def _clear(self, slot: Slot) -> None:
        self.context.truncate(slot.number, 0)
        slot.tokens = []
        slot.stretches = ()

    def _shorten(self, slot: Slot, n: int, successor: GgufSnapshot | None) -> bool:
        """Keep the first `n` tokens of an idle slot, for a row that continues them; False where that cannot be."""
        if n != len(slot.tokens) and not self.trims:
            return False
        losing = [view for view in slot.views if len(view.tokens) > n or not self.trims]
        self._spill(slot, [view for view in losing if view is not successor])
        if n < len(slot.tokens) and not self.context.truncate(slot.number, slot.position(n)):
            return False
        del slot.tokens[n:]
        if successor is not None and not self.trims:
            slot.views.discard(successor)
            successor.source = None
        return True

    def _spill(self, slot: Slot, views: list[GgufSnapshot]) -> None:
        """Copy what these views need to the host: one buffer, but views under half its length get their own."""
        host: Host | None = None
        for view in sorted(views, key=lambda view: -len(view.tokens)):
            if host is None or 2 * len(view.tokens) < host.length:
                host = self._read(slot, len(view.tokens))
            view.source = host
            slot.views.discard(view)

    def _read(self, slot: Slot, length: int) -> Host:
        """The first `length` tokens of an idle slot as bytes; the others are removed from it where possible."""
        if length < len(slot.tokens) and self.context.truncate(slot.number, slot.position(length)):
            del slot.tokens[length:]
        return Host(self.context.read_state(slot.number), len(slot.tokens))

    def _fill(self, slot: Slot, host: Host, tokens: list[int]) -> None:
        """Put a state into an empty slot and cut it to `tokens`; the slot stays empty where it does not fit."""
        while self._shared and self.held() + host.length > self.context.n_ctx and self.give_up_oldest():
            pass
        if not self.context.write_state(slot.number, host.data):
            return
        if len(tokens) < host.length and not self.context.truncate(slot.number, slot.position(len(tokens))):
            self._clear(slot)
            return
        slot.tokens = list(tokens)
