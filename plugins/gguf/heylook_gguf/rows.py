"""A sequence that the engine runs, and its share of one step."""

from __future__ import annotations

import msgspec

from heylook_core.engine import SequenceTask
from heylook_gguf.sampling import Sampler
from heylook_gguf.slots import Slot
from heylook_gguf.stretch import Stretch

TILE = 64
"""Tokens of one prompt that llama.cpp's flash attention takes together on a processor; fewer cost about twice as much
each (after 1,000 tokens, 88 million parameters: 11 ms each of 32, 4.8 ms of 64)."""


class Row:
    """One task: waiting for a slot, then in prefill, then decoding, then ended.

    `last` is the token that was generated but is not in the KV cache yet; None during prefill. `limit` is the most
    tokens it may generate within the context. `order` counts insertions. `ids` are the prompt's ids for the model, and
    `stretches` where it has embeddings instead.
    """

    def __init__(
        self,
        task: SequenceTask,
        sampler: Sampler,
        limit: int,
        order: int,
        ids: list[int],
        stretches: tuple[Stretch, ...] = (),
    ) -> None:
        self.task = task
        self.ids = ids
        self.stretches = stretches
        self.sampler = sampler
        self.limit = limit
        self.order = order
        self.slot: Slot | None = None
        self.last: int | None = None
        self.generated = 0
        self.ended = False

    @property
    def sid(self) -> int:
        return self.task.sid

    @property
    def held(self) -> int:
        """Tokens in the KV cache."""
        return len(self.slot.tokens) if self.slot is not None else 0

    @property
    def remaining(self) -> int:
        """Prompt tokens still to compute."""
        return len(self.task.tokens) - self.held

    @property
    def reserved(self) -> int:
        """KV cells it may come to need."""
        return len(self.task.tokens) + self.limit - 1

    @property
    def in_place(self) -> bool:
        """Whether its prefix lies in a slot."""
        prefix = self.task.prefix
        return isinstance(getattr(prefix, "source", None), Slot)

    @property
    def stretch(self) -> Stretch | None:
        """The embeddings that come next, if it is not tokens."""
        held = self.held
        return next((one for one in self.stretches if one.start <= held < one.stop), None)

    def next_chunk(self, room: int, apart: int = 0) -> slice:
        """The prompt tokens for this step: up to the next mark or embeddings, or as many of `room` as fill tiles.

        The first `apart` are not computed with the others.
        """
        start = self.held
        stops = [len(self.task.tokens), *self.task.marks, *(one.start for one in self.stretches)]
        stop = min(one for one in stops if one > start)
        if stop - start <= room:
            return slice(start, stop)
        tiles = (room - apart) // TILE
        return slice(start, start + (tiles * TILE + apart if tiles else room))


class Part(msgspec.Struct):
    """What a row contributes to a batch: tokens at its end, and the index of the last one in the batch.

    `tokens` are what its slot is known by, `ids` what the model computes with.
    """

    row: Row
    slot: Slot
    tokens: list[int]
    ids: list[int]
    samples: bool
    index: int = -1
