"""The serial lane: one sequence at a time, for what cannot be batched (quantised KV, a draft model)."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
from mlx_lm.utils import maybe_set_recommended_wired_limit

from heylook_core.engine import AtMark, Broken, Budget, Engine, Out, Prefilled, SequenceTask, Snapshot
from heylook_mlx import logprobs
from heylook_mlx.caches import Footprint
from heylook_mlx.rows import Row, token_out
from heylook_mlx.sampling import Samplers
from heylook_mlx.snapshot import MlxSnapshot, restore
from heylook_mlx.stepping import Steps

StepsOf = Callable[[Row, Callable[[mx.array], mx.array]], Steps]


class SerialEngine(Engine):
    """One row. `steps_of` says how it is computed: plainly, or with a draft model. Engine thread only."""

    rows = 1

    def __init__(self, steps_of: StepsOf, footprint: Footprint, vocabulary: int) -> None:
        self._steps_of: StepsOf | None = steps_of
        self._footprint = footprint
        self._vocabulary = vocabulary
        self._samplers = Samplers(vocabulary)
        self._row: Row | None = None
        self._steps: Steps | None = None
        self._generated: list[int] = []
        self._ended: dict[int, MlxSnapshot | None] = {}
        maybe_set_recommended_wired_limit()

    def cost(self, lengths: Sequence[int]) -> int:
        return self._footprint.of_batch(lengths)

    def insert(self, task: SequenceTask) -> None:
        if self._row is not None or self._steps_of is None:
            raise ValueError("The serial lane runs one sequence at a time, and it has one.")
        row = Row(task, self._vocabulary)
        self._steps = self._steps_of(row, self._samplers.pick(task.sampling))
        task.prefix = None  # its caches were copied
        self._row = row
        self._generated = []

    def step(self, budget: Budget) -> list[Out]:
        row, steps = self._row, self._steps
        if row is None or steps is None:
            return []
        if row.remaining:
            return self._prefill(row, steps, budget.prefill)
        return [self._decode(row, steps)]

    def snapshot(self, sid: int) -> Snapshot | None:
        row, steps = self._row, self._steps
        if row is None or steps is None or row.task.sid != sid:
            return self._ended.get(sid)
        return self._state(row, steps)

    def remove(self, sid: int, keep: bool) -> Snapshot | None:
        if self._row is not None and self._row.task.sid == sid:
            self._leave()
        kept = self._ended.pop(sid, None)
        mx.clear_cache()
        return kept if keep else None

    def restore(self, header: dict[str, Any], buffers: list[memoryview]) -> Snapshot:
        return restore(header, buffers)

    def live_bytes(self) -> int:
        running = self._steps.caches if self._steps is not None else []
        live: int = sum(cache.nbytes for cache in running if not cache.empty())
        return live + sum(snapshot.nbytes for snapshot in self._ended.values() if snapshot is not None)

    def reset(self) -> None:
        if self._steps is not None:
            self._steps.end()
        self._row = self._steps = None
        self._ended.clear()
        gc.collect()
        mx.clear_cache()

    def close(self) -> None:
        self.reset()
        self._steps_of = None

    # ------------------------------------------------------------------ inside

    def _prefill(self, row: Row, steps: Steps, budget: int) -> list[Out]:
        if budget <= 0:
            return []
        target = min([mark for mark in row.marks if mark > row.done] + [len(row.task.tokens)])
        row.done += steps.prefill(row.task.tokens[row.done : min(target, row.done + budget)])
        outs: list[Out] = [Prefilled(row.task.sid, row.done)]
        if row.done in row.marks:
            outs.append(AtMark(row.task.sid, row.done))
        return outs

    def _decode(self, row: Row, steps: Steps) -> Out:
        row.decoding = True
        token, scores = steps.next()
        self._generated.append(token)
        end = "eos" if token in row.task.eos else "length" if len(self._generated) >= row.task.limit else None
        if row.error is not None and end is None:
            steps.end()
            self._row = self._steps = None
            return Broken(row.task.sid, row.error)
        measured = None
        if row.task.top_logprobs is not None:
            (measured,) = logprobs.measure([logprobs.Wanted(token, row.scores(scores), row.task.top_logprobs)])
        if end is not None:
            self._leave()
        return token_out(row, token, end, measured)  # type: ignore[arg-type]

    def _state(self, row: Row, steps: Steps) -> MlxSnapshot | None:
        held = steps.held
        if held == 0 or not steps.keeps:
            return None
        tokens = (row.task.tokens + self._generated)[:held]
        return MlxSnapshot(tokens, steps.copies(), steps.exact_from) if len(tokens) == held else None

    def _leave(self) -> None:
        """The row makes room; its state stays until it is removed."""
        row, steps = self._row, self._steps
        if row is not None and steps is not None:
            steps.end()
            self._ended[row.task.sid] = self._state(row, steps)
        self._row = self._steps = None
