"""The engine of a model that sees: pictures are computed apart from tokens, into the slots of their rows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import msgspec

from heylook_core.engine import Out, SequenceTask
from heylook_core.errors import EngineFailed, HeylookError
from heylook_gguf.context import ABORTED, DONE, FULL
from heylook_gguf.engine import GgufEngine, reason
from heylook_gguf.rows import Part, Row
from heylook_gguf.slots import Slot
from heylook_gguf.stretch import Stretch
from heylook_gguf.vision.batch import EmbeddingBatch
from heylook_gguf.vision.features import Encoder
from heylook_gguf.vision.pictures import Pictures
from heylook_gguf.vision.projector import Encoded, Projector


class Sight(msgspec.Struct):
    """A row whose next positions are a picture's."""

    row: Row
    slot: Slot
    stretch: Stretch


class VisionEngine(GgufEngine):
    """As `GgufEngine`; in a step, at most one part of a picture is encoded or read, before the tokens of other rows.

    llama.cpp takes tokens or embeddings in one computation, not both. A row stays with its picture until it is through;
    where other rows have tokens to read, every second step is theirs.
    """

    def __init__(self, *given: Any, projector: Projector, turn: AbstractContextManager[None], **settings: Any) -> None:
        super().__init__(*given, **settings)
        together = min(self._context.n_ubatch, self._context.n_batch)
        self.pictures = Pictures(projector, self._context.vocabulary, together)
        self.encoder = Encoder(projector, turn)
        self._looking = 0
        self._looked = False

    def pictures_bytes(self) -> int:
        """What is kept of pictures, for rows to come."""
        return self.encoder.nbytes

    def close(self) -> None:
        self.encoder.clear()
        super().close()

    # ------------------------------------------------------------------ inside

    def _stretches(self, task: SequenceTask) -> tuple[Stretch, ...]:
        return self.pictures.stretches(task.media) if task.media else ()

    def _look(self, room: int) -> tuple[list[Out], int]:
        sight = self._sight() if room > 0 else None
        self._looked = sight is not None and not (self._looked and self._others_read())
        if sight is None or not self._looked:
            return [], room
        self._looking = sight.row.sid
        return self._look_at(sight, room)

    def _others_read(self) -> bool:
        """Whether a row has tokens of its prompt to read next."""
        return any(row.slot is not None and row.last is None and row.stretch is None for row in self._rows.values())

    def _look_at(self, sight: Sight, room: int) -> tuple[list[Out], int]:
        if self._chunk is not None and any(row.last is not None for row in self._rows.values()):
            room = min(room, self._chunk)
        try:
            parts = self.encoder.find(sight.stretch.picture)
            if parts is None:
                self.encoder.advance(sight.stretch.picture)
                return [], 0
            return self._read(sight, _part(parts, sight.stretch), room)
        except HeylookError as error:
            return [self._break(sight.row, error.message)], 0

    def _sight(self) -> Sight | None:
        """The row that looks already, else the one with the least left to read."""
        found = [
            Sight(row, row.slot, row.stretch)
            for row in self._rows.values()
            if row.slot is not None and row.stretch is not None
        ]
        return min(
            found, key=lambda one: (one.row.sid != self._looking, one.row.remaining, one.row.order), default=None
        )

    def _read(self, sight: Sight, encoded: Encoded, room: int) -> tuple[list[Out], int]:
        """Compute the picture's embeddings: all that belong together, or as many as there is room for."""
        row, slot, stretch = sight.row, sight.slot, sight.stretch
        first = row.held - stretch.start
        size = stretch.tokens - first
        if not stretch.whole:
            size = min(room, size, self._context.n_batch)
        tokens = row.task.tokens[row.held : row.held + size]
        part = Part(row, slot, tokens, tokens, samples=size == row.remaining)
        code = self._decode_embeddings(sight, encoded, first, part)
        if code == DONE:
            return self._advance(part), max(room - size, 0)
        self._roll_back([part])
        return ([], 0) if code == ABORTED else ([self._break(row, reason(code))], 0)

    def _decode_embeddings(self, sight: Sight, encoded: Encoded, first: int, part: Part) -> int:
        """In as many computations as n_batch asks for; stops at the first that does not succeed."""
        context, stop, stretch = self._context, first + len(part.tokens), sight.stretch
        start = sight.slot.position(stretch.start)
        self._make_room(len(part.tokens))
        for at in range(first, stop, context.n_batch):
            rows = slice(at, min(at + context.n_batch, stop))
            batch = EmbeddingBatch(
                self._library,
                encoded.embeddings[rows],
                encoded.places[:, rows] + start,
                sight.slot.number,
                output=part.samples and rows.stop == stop,
            )
            code = context.decode_embeddings(batch, causal=stretch.causal)
            while code == FULL and self._slots.give_up_oldest():
                code = context.decode_embeddings(batch, causal=stretch.causal)
            if code != DONE:
                return code
            part.index = batch.n - 1
        return DONE


def _part(parts: list[Encoded], stretch: Stretch) -> Encoded:
    found = parts[stretch.part] if stretch.part < len(parts) else None
    if found is None or len(found.embeddings) != stretch.tokens:
        raise EngineFailed("The image came out of its encoder with another number of positions than was foreseen.")
    return found
