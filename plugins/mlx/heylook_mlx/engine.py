"""The batch lane: mlx-lm's BatchGenerator under the core's turn loop."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Sequence
from typing import Any, Literal

import mlx.core as mx
from mlx_lm.generate import BatchGenerator, StopSequences
from mlx_lm.utils import maybe_set_recommended_wired_limit

from heylook_core.engine import AtMark, Broken, Budget, Engine, Out, Prefilled, SequenceTask, Snapshot, Token
from heylook_mlx import logprobs
from heylook_mlx.caches import Footprint, fresh
from heylook_mlx.rows import Row, token_out
from heylook_mlx.sampling import Samplers
from heylook_mlx.snapshot import MlxSnapshot, restore

_ENDS: dict[str | None, Literal["eos", "length"] | None] = {None: None, "stop": "eos", "length": "length"}


class BatchEngine(Engine):
    """Up to `rows` sequences together; each joins and leaves without the others noticing. Engine thread only.

    BatchGenerator (mlx-lm 0.32) decodes one step ahead and feeds each reported token back at once, so the KV cache
    of a row always holds the prompt and every token that was reported.
    """

    def __init__(self, model: Any, rows: int, window: int | None, footprint: Footprint, vocabulary: int) -> None:
        self.rows = rows
        self._model = model
        self._window = window
        self._footprint = footprint
        self._vocabulary = vocabulary
        self._samplers = Samplers(vocabulary)
        self._stops = functools.lru_cache(maxsize=32)(_stop_sequences)
        self._rows: dict[int, Row] = {}
        self._uids: dict[int, int] = {}
        self._generator = self._fresh()

    def cost(self, lengths: Sequence[int]) -> int:
        return self._footprint.of_batch(lengths)

    def insert(self, task: SequenceTask) -> None:
        row = Row(task, self._vocabulary)
        prefix = task.prefix if task.cut else None
        self._enter(row, prefix.caches if isinstance(prefix, MlxSnapshot) else fresh(self._model, self._window))

    def _enter(self, row: Row, caches: list[Any]) -> None:
        """Into the batch, with caches that hold the first `row.base` tokens."""
        task = row.task
        # all_tokens is extended in place by the generator, the caches are copied when the row joins the batch
        (uid,) = self._generator.insert_segments(
            [row.segments()],
            max_tokens=[task.limit],
            caches=[caches],
            all_tokens=[row.ids[: row.base]],
            samplers=[self._samplers.pick(task.sampling)],
            logits_processors=[row.processors],
            stop_sequences=[self._stops(task.eos)],
        )
        self._rows[uid] = row
        self._uids[task.sid] = uid

    def step(self, budget: Budget) -> list[Out]:
        self._allow(budget.prefill)
        prompts, generated = self._generator.next()
        outs: list[Out] = []
        for response in prompts:
            outs += self._prompt_progress(self._rows[response.uid], response)
        outs += self._tokens(generated)
        return outs

    def snapshot(self, sid: int) -> Snapshot | None:
        uid = self._uids[sid]
        row = self._rows[uid]
        if row.kept is not None:
            return row.kept
        return self._state(uid, row, self._generator.extract_cache)

    def remove(self, sid: int, keep: bool) -> Snapshot | None:
        uid = self._uids.pop(sid, None)
        if uid is None:
            return None
        row = self._rows.pop(uid)
        kept: Snapshot | None = row.kept
        if row.kept is None:
            take = functools.partial(self._generator.remove, return_prompt_caches=keep)
            kept = self._state(uid, row, take)
        if not self._rows:
            mx.clear_cache()
        return kept if keep else None

    def restore(self, header: dict[str, Any], buffers: list[memoryview]) -> Snapshot:
        return restore(header, buffers)

    def live_bytes(self) -> int:
        ended = sum(row.kept.nbytes for row in self._rows.values() if row.kept is not None)
        return int(self._generator.prompt_cache_nbytes) + ended

    def reset(self) -> None:
        self._drop()
        self._generator = self._fresh()

    def close(self) -> None:
        self._drop()
        self._model = None

    # ------------------------------------------------------------------ inside

    def _fresh(self) -> Any:
        return BatchGenerator(self._model, completion_batch_size=self.rows, prefill_batch_size=self.rows)

    def _allow(self, tokens: int) -> None:
        """Share `tokens` among the rows in prefill; they are padded to one length, so the share is the same."""
        waiting = sum(1 for row in self._rows.values() if not row.decoding and row.remaining > 1)
        self._generator.prefill_step_size = max(1, tokens // max(1, waiting))
        # a full decode batch is how BatchGenerator is told to leave prompts alone
        self._generator.completion_batch_size = self.rows if tokens > 0 else 0

    def _prompt_progress(self, row: Row, response: Any) -> list[Out]:
        row.advance(row.base + response.progress[0])
        row.decoding = response.end_of_prompt
        outs: list[Out] = [Prefilled(row.task.sid, row.done)]
        if response.end_of_segment and row.done in row.marks:
            outs.append(AtMark(row.task.sid, row.done))
        return outs

    def _tokens(self, generated: Sequence[Any]) -> list[Out]:
        rows = [self._rows[response.uid] for response in generated]
        asked = [
            (row.task.sid, logprobs.Wanted(response.token, row.scores(response.logprobs), row.task.top_logprobs))
            for row, response in zip(rows, generated, strict=True)
            if row.task.top_logprobs is not None
        ]
        found = logprobs.measure([wanted for _, wanted in asked])
        measured = {sid: values for (sid, _), values in zip(asked, found, strict=True)}
        return [
            self._token(row, response, measured.get(row.task.sid))
            for row, response in zip(rows, generated, strict=True)
        ]

    def _token(self, row: Row, response: Any, measured: logprobs.Measured | None) -> Token | Broken:
        if row.error is not None and response.finish_reason is None:
            self.remove(row.task.sid, keep=False)
            return Broken(row.task.sid, row.error)
        if response.finish_reason is not None:
            row.kept = MlxSnapshot(row.keyed(response.all_tokens), response.prompt_cache)
        return token_out(row, response.token, _ENDS[response.finish_reason], measured)

    def _state(self, uid: int, row: Row, take: Callable[[list[int]], dict[int, Any]]) -> Snapshot | None:
        """What the row holds, by the generator's own method of handing it out."""
        with mx.stream(self._generator.stream):
            taken = take([uid])
            if row.done == row.task.cut:
                return row.task.prefix if row.task.cut else None
            if uid not in taken:
                return None
            caches, tokens = taken[uid]
            return MlxSnapshot(row.keyed(tokens), caches)

    def _drop(self) -> None:
        self._rows.clear()
        self._uids.clear()
        if self._generator is not None:
            self._generator.close()
            # close() puts the wired limit back, which would be wrong for other models of this process
            maybe_set_recommended_wired_limit()
        self._generator = None
        gc.collect()
        mx.clear_cache()


def _stop_sequences(eos: frozenset[int]) -> StopSequences:
    return StopSequences([(token,) for token in eos])
