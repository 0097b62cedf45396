"""Many sequences on one llama_context: one `llama_decode` per step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence, Set
from typing import Any

import numpy as np

from heylook_core.engine import AtMark, Broken, Budget, Engine, Out, Prefilled, SequenceTask, Snapshot, Token
from heylook_core.errors import EngineFailed, InvalidRequest
from heylook_gguf.context import ABORTED, DONE, FULL, Context
from heylook_gguf.footprint import Footprint, measured
from heylook_gguf.library import Library
from heylook_gguf.rows import TILE, Part, Row
from heylook_gguf.sampling import Candidates, NoToken, Sampler, logprobs
from heylook_gguf.slots import Slots
from heylook_gguf.snapshot import GgufSnapshot, Host
from heylook_gguf.stretch import NO_TOKEN, Stretch

log = logging.getLogger(__name__)

_REFUSED = -1


class GgufEngine(Engine):
    """Continuous batching over the slots of one context.

    A step takes every decode row once, then prompt tokens of the rows in prefill, the one with the least left
    first. `length` is the longest sequence; with `shared`, all slots draw on one pool of cells and a row waits
    inside the engine until what it reserves (prompt and limit) is free.
    """

    least_prefill = TILE + 1

    def __init__(
        self,
        library: Library,
        make_context: Callable[[], Context],
        *,
        slots: int,
        length: int,
        footprint: Footprint,
        trims: bool,
        shared: bool,
        chunk: int | None,
    ) -> None:
        self.rows = slots
        self._library = library
        self._make_context = make_context
        self._length = length
        self._trims = trims
        self._shared = shared
        self._chunk = chunk
        self._rows: dict[int, Row] = {}
        self._inserted = 0
        self._context = make_context()
        self._footprint = footprint if trims else measured(self._context)
        self._slots = self._make_slots()
        self._candidates = Candidates(library, self._context.vocabulary)

    def cost(self, lengths: Sequence[int]) -> int:
        return sum(self._footprint.of(min(length, self._length)) for length in lengths)

    def live_bytes(self) -> int:
        return sum(self._footprint.of(row.held) for row in self._rows.values())

    def allocated_bytes(self) -> int:
        """llama.cpp allocates the whole cache when the context is made."""
        return self._context.n_ctx * self._footprint.per_token + self.rows * self._footprint.fixed

    # ------------------------------------------------------------------ rows in and out

    def insert(self, task: SequenceTask) -> None:
        """Take a sequence in. Raises `InvalidRequest` for a prompt that llama.cpp would refuse."""
        size = len(task.tokens)
        if not 0 < size <= self._length:
            raise InvalidRequest(f"The prompt has {size} tokens, but this engine takes 1 to {self._length}.")
        stretches, ids = self._stretches(task), task.own_ids()
        text = [token for token in ids if token != NO_TOKEN]
        seen = sum(one.tokens for one in stretches)
        if size - len(text) != seen or not all(0 <= token < self._context.vocabulary for token in text):
            raise InvalidRequest(f"A token id of the prompt is not in the vocabulary of {self._context.vocabulary}.")
        if len(self._rows) >= self.rows:
            raise EngineFailed(f"The engine runs {self.rows} sequences already and was given another one.")
        sampler = Sampler(self._candidates, task.sampling, text)
        self._inserted += 1
        limit = min(task.limit, self._length - size + 1)
        self._rows[task.sid] = Row(task, sampler, limit, self._inserted, ids, stretches)

    def snapshot(self, sid: int) -> GgufSnapshot | None:
        row = self._rows.get(sid)
        return self._slots.snapshot(row.slot) if row is not None and row.slot is not None else None

    def remove(self, sid: int, keep: bool) -> GgufSnapshot | None:
        row = self._rows.pop(sid, None)
        if row is None:
            return None
        row.sampler.close()
        if row.slot is None:
            return None
        row.slot.busy = False
        kept = self._slots.snapshot(row.slot) if keep else None
        self._slots.release(row.slot)
        return kept

    def restore(self, header: dict[str, Any], buffers: list[memoryview]) -> Snapshot:
        tokens, state = (np.frombuffer(buffer, np.uint8) for buffer in buffers)
        if not state.nbytes or not header["covered"]:
            raise EngineFailed("The stored snapshot has tokens, but no state.")
        source = Host(state, int(header["covered"]))
        return GgufSnapshot(self._slots, source, tokens.view(np.int32)[: int(header["length"])])

    def interrupt(self) -> None:
        if self._trims:
            self._context.interrupt()

    def reset(self) -> None:
        """Free the context and make a new one: after a failed computation its memory cannot be trusted."""
        self._forget_rows()
        self._slots.lose_all()
        self._context.close()
        self._context = self._make_context()
        self._slots = self._make_slots()

    def close(self) -> None:
        self._forget_rows()
        self._slots.lose_all()
        self._context.close()

    def _forget_rows(self) -> None:
        for row in self._rows.values():
            row.sampler.close()
        self._rows.clear()

    def _make_slots(self) -> Slots:
        return Slots(self._context, self.rows, self._footprint, trims=self._trims, shared=self._shared)

    # ------------------------------------------------------------------ one step

    def step(self, budget: Budget) -> list[Out]:
        """One turn. Returns nothing after `interrupt`: what was computed so far is discarded, no row is harmed."""
        if self._context.clear_interrupt():
            return []
        self._seat()
        try:
            outs, room = self._look(budget.prefill)
            parts = self._plan(room, {out.sid for out in outs})
            return [*outs, *self._compute(parts)] if parts else outs
        finally:
            self._context.clear_interrupt()

    def _stretches(self, task: SequenceTask) -> tuple[Stretch, ...]:
        """Where the prompt has pictures; a model for text takes none, and their ids are in no vocabulary."""
        return ()

    def _look(self, room: int) -> tuple[list[Out], int]:
        """Work on pictures, for models that see: what it tells, and the room that is left for prompt tokens."""
        return [], room

    def _seat(self) -> None:
        """Give waiting rows their slots; first those whose prefix lies in one, before another row takes it."""
        waiting = [row for row in self._rows.values() if row.slot is None]
        for row in sorted(waiting, key=lambda row: (not row.in_place and not self._shared, row.order)):
            if self._shared and not self._has_room(row):
                break
            prefix = row.task.prefix
            known = prefix if isinstance(prefix, GgufSnapshot) and prefix.slots is self._slots else None
            row.slot = self._slots.claim(known, row.task.cut, row.stretches)
            row.task.prefix = None

    def _has_room(self, row: Row) -> bool:
        seated = sum(other.reserved for other in self._rows.values() if other.slot is not None)
        return seated + row.reserved <= self._context.n_ctx

    def _plan(self, prefill: int, advanced: Set[int] = frozenset()) -> list[Part]:
        """Decode rows, then prompt tokens within the budget, shortest remaining prompt first.

        What is left of the budget after a prompt is not spent on a scrap of the next one: prompts of different
        lengths take a pass over the weights each. Beside a neighbour that decodes, llama.cpp computes one token of each
        first, and then the rest of the prompt. Rows that have `advanced` in this step wait: the core may want the state
        that they are in.
        """
        rows = [row for row in self._rows.values() if row.sid not in advanced and not row.ended]
        live = [(row, row.slot) for row in rows if row.slot is not None]
        parts = [Part(row, slot, [row.last], [row.last], samples=True) for row, slot in live if row.last is not None]
        room = min(prefill, self._context.n_batch - len(parts))
        if parts and self._chunk is not None:
            room = min(room, self._chunk)
        reading = [(row, slot) for row, slot in live if row.last is None and row.stretch is None]
        decoding = {part.slot.number for part in parts}
        for row, slot in sorted(reading, key=lambda pair: (pair[0].remaining, pair[0].order)):
            if room <= 0 or (len(parts) > len(decoding) and room < min(TILE, row.remaining)):
                break
            apart = 1 if decoding & {slot.number - 1, slot.number + 1} else 0
            chunk = row.next_chunk(room, apart)
            tokens = row.task.tokens[chunk]
            parts.append(Part(row, slot, tokens, row.ids[chunk], samples=len(tokens) == row.remaining))
            room -= len(tokens)
        return parts

    def _compute(self, parts: list[Part]) -> list[Out]:
        code = self._decode(parts)
        if code == DONE:
            return [out for part in parts for out in self._advance(part)]
        if not self._roll_back(parts) and len(parts) > 1:
            raise EngineFailed("A computation failed half-way, and this architecture cannot go back.")
        if code == ABORTED:
            return []
        if len(parts) > 1:
            return self._one_by_one(parts, code)
        return [self._break(parts[0].row, reason(code))]

    def _decode(self, parts: list[Part]) -> int:
        self._make_room(sum(len(part.tokens) for part in parts))
        self._fill_batch(parts)
        code = self._context.decode()
        while code == FULL and self._slots.give_up_oldest():
            code = self._context.decode()
        return code

    def _make_room(self, needed: int) -> None:
        if self._shared:
            while self._slots.held() + needed > self._context.n_ctx and self._slots.give_up_oldest():
                pass

    def _fill_batch(self, parts: list[Part]) -> None:
        """In the order of the slots: llama.cpp computes only neighbours with rising numbers in one go."""
        batch = self._context.batch
        batch.clear()
        for part in sorted(parts, key=lambda part: part.slot.number):
            slot = part.slot
            part.index = batch.add(part.ids, slot.position(len(slot.tokens)), slot.number, output=part.samples)

    def _roll_back(self, parts: list[Part]) -> bool:
        """Remove what an unfinished computation left; False where the architecture cannot."""
        slots = [part.slot for part in parts]
        gone = [self._context.truncate(slot.number, slot.position(len(slot.tokens))) for slot in slots]
        return all(gone)

    def _one_by_one(self, parts: list[Part], code: int) -> list[Out]:
        """Find the rows that cannot be computed. When none can, the context is at fault: raises `EngineFailed`."""
        log.warning("llama_decode answered %d for %d rows: computing each alone", code, len(parts))
        outs = [out for part in sorted(parts, key=lambda part: part.row.order) for out in self._compute([part])]
        if code < _REFUSED and all(isinstance(out, Broken) for out in outs):
            raise EngineFailed(f"llama.cpp cannot compute any more (llama_decode answered {code}).")
        return outs

    def _advance(self, part: Part) -> list[Out]:
        """What a computed part tells the core."""
        row = part.row
        outs: list[Out] = []
        part.slot.tokens.extend(part.tokens)
        if row.last is None:
            outs.append(Prefilled(row.sid, row.held))
            if row.held in row.task.marks:
                outs.append(AtMark(row.sid, row.held))
        return [*outs, self._sample(part)] if part.samples else outs

    def _sample(self, part: Part) -> Out:
        row, task = part.row, part.row.task
        logits = self._context.logits(part.index)
        raw = logits.copy() if task.top_logprobs is not None and task.guide is not None else logits
        try:
            token = row.sampler.choose(logits, task.guide)
        except NoToken as error:
            return self._break(row, str(error))
        row.last = token
        row.generated += 1
        out = Token(row.sid, token)
        if token in task.eos:
            out.end = "eos"
        elif row.generated >= row.limit:
            out.end = "length"
        row.ended = out.end is not None
        if task.top_logprobs is not None:
            out.logprob, out.top = logprobs(raw, token, task.top_logprobs)
        return out

    def _break(self, row: Row, error: str) -> Broken:
        self.remove(row.sid, keep=False)
        return Broken(row.sid, error)


def reason(code: int) -> str:
    if code == FULL:
        return "the KV cache is full: lower max_tokens, or raise n_ctx"
    if code == _REFUSED:
        return "llama.cpp refused its tokens"
    return f"llama.cpp could not compute it (llama_decode answered {code})"
