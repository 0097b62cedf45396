"""The batch lane of a model that sees: rows with new pictures are read apart, then all rows run together."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from heylook_core.engine import AtMark, Broken, Budget, Out, Prefilled, SequenceTask, Snapshot
from heylook_mlx.caches import Footprint, fresh
from heylook_mlx.engine import BatchEngine
from heylook_mlx.rows import Row
from heylook_mlx.shift import Shift
from heylook_mlx.snapshot import MlxSnapshot
from heylook_mlx.vision.decoder import Decoder
from heylook_mlx.vision.features import Encoder
from heylook_mlx.vision.pictures import Pictures
from heylook_mlx.vision.reading import Reading, positions


class VisionEngine(BatchEngine):
    """As `BatchEngine`; one picture is encoded in a step, and one row reads at a time. Engine thread only.

    A row whose pictures all lie in its prefix is like any other, but for the distance between its positions and its
    tokens.
    """

    def __init__(
        self, decoder: Decoder, rows: int, footprint: Footprint, vocabulary: int, pictures: Pictures, encoder: Encoder
    ) -> None:
        super().__init__(decoder, rows, None, footprint, vocabulary)
        self._decoder = decoder
        self._pictures = pictures
        self._encoder = encoder
        self._readings: dict[int, Reading] = {}

    def insert(self, task: SequenceTask) -> None:
        row = Row(task, self._vocabulary)
        with mx.stream(self._generator.stream):
            caches = self._begin(task)
            if all(span.stop <= task.cut for span in task.media):
                if self._decoder.shifted:
                    caches[-1] = self._shift(row)
                self._enter(row, caches)
            else:
                self._readings[task.sid] = Reading(row, caches, self._decoder, self._encoder, self._pictures)

    def step(self, budget: Budget) -> list[Out]:
        outs: list[Out] = []
        left = budget.prefill
        if self._readings and left > 0:
            sid, reading = next(iter(self._readings.items()))
            outs, used = self._read(sid, reading, left)
            left -= used
        if self._rows:
            outs += super().step(Budget(max(left, 0)))
        return outs

    def snapshot(self, sid: int) -> Snapshot | None:
        reading = self._readings.get(sid)
        return self._read_so_far(reading) if reading is not None else super().snapshot(sid)

    def remove(self, sid: int, keep: bool) -> Snapshot | None:
        reading = self._readings.pop(sid, None)
        if reading is None:
            return super().remove(sid, keep)
        return self._read_so_far(reading) if keep else None

    def live_bytes(self) -> int:
        reading = sum(cache.nbytes for one in self._readings.values() for cache in one.caches if not cache.empty())
        return super().live_bytes() + int(reading)

    def pictures_bytes(self) -> int:
        """What is kept of pictures, for rows to come."""
        return self._encoder.nbytes

    def reset(self) -> None:
        self._readings.clear()
        super().reset()

    def close(self) -> None:
        self._readings.clear()
        self._encoder.clear()
        super().close()

    # ------------------------------------------------------------------ inside

    def _begin(self, task: SequenceTask) -> list[Any]:
        """Caches that may be written into."""
        if task.cut and isinstance(task.prefix, MlxSnapshot):
            return task.prefix.copies()
        return fresh(self._decoder)

    def _shift(self, row: Row) -> Shift:
        """The row's own: that of its prefix may be of a picture behind the cut, which this row does not have."""
        if not row.task.media:
            return Shift()
        return positions(self._decoder, self._pictures, row.task, row.ids)[1]

    def _read(self, sid: int, reading: Reading, most: int) -> tuple[list[Out], int]:
        """One picture, or one slice of the prompt; what it tells, and how many tokens it took."""
        row = reading.row
        try:
            with mx.stream(self._generator.stream):
                unseen = reading.unseen()
                if unseen is not None:
                    self._encoder.features(unseen)
                    return [], most
                used = reading.read(most) if not reading.over else 0
        except Exception as error:
            del self._readings[sid]
            return [Broken(sid, f"its images could not be read ({type(error).__name__}: {error})")], most
        marked = used > 0 and row.done in row.marks
        outs: list[Out] = [Prefilled(sid, row.done)] if used else []
        if marked:
            outs.append(AtMark(sid, row.done))
        if reading.over and not marked:  # the core looks at the state of a mark before the row goes on
            del self._readings[sid]
            row.base = row.done
            self._enter(row, reading.caches)
        return outs, used

    def _read_so_far(self, reading: Reading) -> Snapshot | None:
        row = reading.row
        if row.done == row.task.cut:
            return row.task.prefix if row.task.cut else None
        with mx.stream(self._generator.stream):
            snapshot = MlxSnapshot(row.task.tokens[: row.done], reading.caches)
            return MlxSnapshot(snapshot.tokens, snapshot.copies())
