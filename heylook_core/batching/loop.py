"""The turn loop of one model: what a worker's engine thread does over and over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from itertools import count

import msgspec

from heylook_core.batching.choice import Choice, Leader, spent
from heylook_core.batching.jobs import QueuedJob
from heylook_core.batching.leaders import find_leader
from heylook_core.batching.pace import SHORT_PROMPT, PrefillPace
from heylook_core.engine import AtMark, Broken, Budget, Engine, Out, Prefilled, Snapshot, Token
from heylook_core.errors import HeylookError, InvalidRequest
from heylook_core.messages import Event, Failed, Finished, FinishReason, Progress, Timings, Usage
from heylook_core.prefix.cache import Hit, PrefixCache
from heylook_core.prefix.spill import Spill
from heylook_core.prefix.why import first_difference
from heylook_core.provider import FLOOR_TOKENS, Job, Model
from heylook_core.text.prompt import Prepared
from heylook_core.workers.protocol import Gauges, Lease

log = logging.getLogger(__name__)

JOB_SLICE_BESIDE = 256
JOB_SLICE_ALONE = 4096


class TurnLoop:
    """Runs prepared requests on a model's engines. Engine thread only.

    `emit(rid, events)` collects what a turn has to tell; `ended(rid)` is called once per request, after its last
    event; `named(rid)` is what log lines call it. Policy lives here (who enters, in which order, how much prefill),
    mechanism in the engine.
    """

    def __init__(
        self,
        model: Model,
        lease: Lease,
        emit: Callable[[int, Iterable[Event]], None],
        ended: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
        named: Callable[[int], str] = lambda rid: "",
    ) -> None:
        self.model = model
        self.cache = PrefixCache(lease.kept, model.info.trims, self._evicted)
        self.spill: Spill | None = None
        self._lease = lease
        self._confirmed = lease.serial
        self._shrinking = False
        self._emit = emit
        self._ended = ended
        self._clock = clock
        self._named = named
        self._sids = count(1)
        self._waiting: list[Choice] = []
        self._live: dict[Engine, dict[int, Choice]] = {engine: {} for engine in model.lanes()}
        self._paces = {engine: PrefillPace(engine.least_prefill) for engine in self._live}
        self._jobs: list[QueuedJob] = []
        self._wanted = 0
        self._stalled = False
        self._floor = _floor(model)

    # ------------------------------------------------------------------ what the worker asks

    def submit(self, prepared: Prepared) -> None:
        """Queue every choice of a request; further choices wait until the first can be forked."""
        self._stalled = False
        engine = self.model.lane(prepared.request)
        choices = [
            Choice(next(self._sids), index, prepared, engine, self.model.codec) for index in range(prepared.request.n)
        ]
        for choice in choices[1:]:
            choice.waits_for = choices[0]
        choices[0].cached = self.cache.likely(prepared.tokens)
        self._waiting.extend(choices)
        if prepared.request.echo and (prepared.request.logprobs or prepared.request.top_logprobs):
            self._score(choices[0])

    def _score(self, choice: Choice) -> None:
        """The prompt's log-probabilities come before the answer."""
        try:
            job = self.model.score(choice.prepared.tokens, choice.prepared.request.top_logprobs)
        except Exception as error:
            log.exception("the prompt cannot be scored", extra=self._about(choice.rid))
            self._fail(choice.rid, _failure(error, "The prompt could not be scored"))
            return
        choice.scoring = job
        self.add_job(choice.rid, job)

    def add_job(self, rid: int, job: Job) -> None:
        self._jobs.append(QueuedJob(rid, job, self._clock()))

    def cancel(self, rid: int) -> None:
        """End every choice of `rid`; what was computed is kept for the next request.

        One that is still being prepared is not here yet: who brings it in looks at its flag and cancels it then.
        """
        self._stalled = False
        now = self._clock()
        choices = self._of(rid)
        events = [choice.finished("cancelled", now) for choice in choices]
        for choice in choices:
            self._drop(choice, keep=True)
        if any(queued.rid == rid for queued in self._jobs):
            self._jobs = [queued for queued in self._jobs if queued.rid != rid]
            events = events or [Finished(0, "cancelled", Usage(), Timings())]
        if events:
            self._emit(rid, events)
            self._ended(rid)

    def fail_all(self, failed: Failed) -> None:
        """Everything that runs or waits ends with this error."""
        for rid in {choice.rid for choice in self._choices()} | {queued.rid for queued in self._jobs}:
            self._fail(rid, failed)

    def set_lease(self, lease: Lease) -> None:
        self._shrinking = self._shrinking or lease.kept < self._lease.kept
        self._lease = lease
        self._stalled = False
        self.cache.budget = lease.kept
        self.cache.shrink(lease.kept)

    def gauges(self) -> Gauges:
        kept, in_place = self.cache.nbytes, sum(kept.nbytes for kept in self.cache.kept() if kept.in_place)
        if self.spill is not None:
            kept, in_place = kept + self.spill.nbytes, in_place + self.spill.in_place
        self._confirm(kept - in_place)
        return Gauges(
            weights=self.model.info.weights_bytes,
            live_kv=sum(engine.live_bytes() for engine in self._live),
            kept=kept,
            live=sum(map(len, self._live.values())),
            queued=len(self._waiting) + len(self._jobs),
            entries=len(self.cache),
            lookups=self.cache.lookups,
            hits=self.cache.hits,
            evicted=self.cache.evicted_bytes,
            tier=self.spill.figures if self.spill is not None else None,
            tier_refused=self.spill.refused if self.spill is not None else "",
            allocated=sum(engine.allocated_bytes() for engine in self._live),
            in_place=in_place,
            reserved=self._reserved(),
            wanted=self._wanted if self._waiting else 0,
            floor=self._floor,
            scratch=self.model.scratch_bytes(),
            lease=self._confirmed,
        )

    def _confirm(self, beside: int) -> None:
        """Of a lease that allows fewer kept bytes: once those on their way to the tier have left memory too."""
        if self.spill is None or not self.spill.nbytes or beside <= self._lease.kept:
            self._shrinking = False
        if not self._shrinking:
            self._confirmed = self._lease.serial

    def _reserved(self, apart_from: Engine | None = None) -> int:
        """What the running rows may come to."""
        return sum(
            engine.cost([row.length for row in rows.values()])
            for engine, rows in self._live.items()
            if rows and engine is not apart_from
        )

    @property
    def idle(self) -> bool:
        """Nothing can be done now: there is no work, or all of it waits for a larger lease."""
        spilling = self.spill is not None and not self.spill.idle
        waiting = self._waiting and not self._stalled
        return not (waiting or self._jobs or spilling or any(self._live.values()))

    def prefilling(self, rid: int) -> bool:
        """Whether this request has a row that is still reading its prompt. The one method for any thread."""
        return any(
            choice.rid == rid and not choice.decoding
            for rows in list(self._live.values())
            for choice in list(rows.values())
        )

    # ------------------------------------------------------------------ one turn

    def turn(self) -> None:
        """Admit, one step of each engine with work, one slice of the oldest job."""
        self._admit()
        for engine, rows in self._live.items():
            if rows:
                self._step(engine, rows)
        if self._jobs:
            self._advance_job()
        if self.spill is not None:
            self.spill.export_one()

    def _admit(self) -> None:
        self._wanted = 0
        for engine, rows in self._live.items():
            candidates = [choice for choice in self._waiting if choice.engine is engine and choice.ready]
            candidates.sort(key=self._priority)
            for choice in candidates:
                if len(rows) >= engine.rows:
                    break
                if self._follows(choice, rows):
                    continue
                if self._fits(engine, rows, choice):
                    self._insert(engine, rows, choice)
                elif not self._waits(engine, choice):
                    self._fail(
                        choice.rid, _too_large(engine.cost([choice.length]), max(self._lease.kv, self._lease.most))
                    )
                elif rows:
                    break
        self._stalled = self._wanted > 0 and not any(self._live.values())

    def _follows(self, choice: Choice, rows: dict[int, Choice]) -> bool:
        """Whether another row is about to read what this one begins with; looked for anew when that one is done."""
        leader = choice.leader
        if leader is None or leader.ready or leader.choice.sid not in rows:
            leader = choice.leader = self._leader(choice, rows)
        return leader is not None and not leader.ready

    def _leader(self, choice: Choice, rows: dict[int, Choice]) -> Leader | None:
        """A running row to wait for, or to take over from, because both begin alike."""
        if not rows or self.cache.budget <= 0:
            return None
        return find_leader(choice, rows.values(), self.cache.likely(choice.ids), self.model.info.trims)

    def _take_over(self, choice: Choice, rows: dict[int, Choice]) -> None:
        """Keep what a running row has read, so that `choice` finds it."""
        leader = self._leader(choice, rows)
        snapshot = choice.engine.snapshot(leader.choice.sid) if leader is not None else None
        if snapshot is not None:
            self.cache.keep(snapshot)

    def _priority(self, choice: Choice) -> float:
        """Shortest remaining prefill first; each second of waiting is worth a second of prefill."""
        speed = self._paces[choice.engine].tokens_per_second or 1000.0
        return choice.remaining - (self._clock() - choice.prepared.arrived) * speed

    def _fits(self, engine: Engine, rows: dict[int, Choice], choice: Choice) -> bool:
        if self._lease.kv < 0:
            return True
        together = engine.cost([row.length for row in rows.values()] + [choice.length])
        return together + self._reserved(apart_from=engine) <= self._lease.kv

    def _waits(self, engine: Engine, choice: Choice) -> bool:
        """Whether there will be room: after the running rows, or with the largest lease that can be had.

        Where even the whole lease is too small, the gauges tell how much is wanted; smaller requests go on meanwhile.
        """
        alone = engine.cost([choice.length])
        if alone > max(self._lease.kv, self._lease.most):
            return False
        if alone > self._lease.kv:
            self._wanted = max(self._wanted, alone)
        return True

    def _insert(self, engine: Engine, rows: dict[int, Choice], choice: Choice) -> None:
        self._waiting.remove(choice)
        choice.leader = None
        self._take_over(choice, rows)
        hit = self.cache.find(choice.ids)
        task = choice.task(choice.index)
        task.prefix, task.cut = hit.snapshot, hit.n
        task.marks = tuple(mark for mark in task.marks if mark > hit.n)
        choice.cached, choice.why, choice.inserted_at = hit.n, self._why(choice, hit), self._clock()
        rows[choice.sid] = choice
        try:
            engine.insert(task)
        except Exception as error:
            log.exception("the engine refused a sequence", extra=self._about(choice.rid))
            rows.pop(choice.sid, None)
            self._fail(choice.rid, _failure(error, "The engine could not take the request"))
            return
        if not task.marks:
            self._release_forks(choice)

    def _why(self, choice: Choice, hit: Hit) -> str:
        """Why no more of the prompt was kept; a difference is told as the place where the prompt's author made it."""
        if hit.differs:
            prepared = choice.prepared
            return first_difference(prepared.request, prepared.tokens, hit.n, self.model.codec)
        return hit.why

    def _step(self, engine: Engine, rows: dict[int, Choice]) -> None:
        decoding = any(choice.decoding for choice in rows.values())
        pace = self._paces[engine]
        started = self._clock()
        before = {sid: choice.prefilled or choice.cached for sid, choice in rows.items() if not choice.decoding}
        remaining = [rows[sid].remaining for sid in before if rows[sid].to_read <= SHORT_PROMPT]
        try:
            outs = engine.step(Budget(pace.budget(decoding, remaining)))
        except Exception as error:
            self._recover(engine, rows, error)
            return
        now = self._clock()
        for out in outs:
            choice = rows.get(out.sid)
            if choice is not None:
                self._handle(choice, out, now)
        done = sum(self._advanced(rows.get(sid), at) for sid, at in before.items())
        pace.learn(now - started, done, decoding)

    @staticmethod
    def _advanced(choice: Choice | None, before: int) -> int:
        if choice is None:
            return 0
        after = len(choice.prepared.tokens) if choice.decoding else choice.prefilled
        return max(after - before, 0)

    def _handle(self, choice: Choice, out: Out, now: float) -> None:
        match out:
            case Token():
                self._token(choice, out, now)
            case Prefilled():
                choice.prefilled = out.done
                self._emit(choice.rid, [Progress(out.done, len(choice.prepared.tokens), choice.cached)])
            case AtMark():
                snapshot = choice.engine.snapshot(choice.sid)
                if snapshot is not None:
                    self.cache.keep(snapshot)
                if out.n >= max(choice.prepared.marks):
                    self._release_forks(choice)
            case Broken():
                self._fail(choice.rid, Failed("engine", f"The engine could not go on with this request: {out.error}"))

    def _token(self, choice: Choice, token: Token, now: float) -> None:
        events = choice.push(token, now)
        stopped = choice.pipeline.stopped
        if token.end is not None or stopped:
            events += choice.pipeline.end()
            reason: FinishReason = "length" if token.end == "length" and not choice.pipeline.stopped else "stop"
            events.append(choice.finished(reason, now))
        if events:
            self._emit(choice.rid, events)
        if token.end is not None or stopped:
            self._drop(choice, keep=True)
            if not self._of(choice.rid):
                self._ended(choice.rid)

    def _advance_job(self) -> None:
        queued = self._jobs[0]
        rid, job = queued.rid, queued.job
        queued.begin(self._clock())
        beside = any(self._live.values())
        try:
            events = job.advance(JOB_SLICE_BESIDE if beside else JOB_SLICE_ALONE)
        except Exception as error:
            log.exception("a job failed", extra=self._about(rid))
            self._fail(rid, _failure(error, "The request could not be computed"))
            return
        over = job.done and not self._of(rid)
        if over:
            events = queued.ended(events, self._clock())
        self._emit(rid, events)
        if job.done:
            self._jobs.pop(0)
        if over:
            self._ended(rid)

    # ------------------------------------------------------------------ leaving

    def _evicted(self, snapshot: Snapshot) -> None:
        if self.spill is not None:
            self.spill.evicted(snapshot)
        else:
            snapshot.drop()

    def _recover(self, engine: Engine, rows: dict[int, Choice], error: Exception) -> None:
        """A step broke: its rows cannot be trusted any more, waiting requests can."""
        broken = {choice.rid: self._of(choice.rid) for choice in rows.values()}
        about = self._about(*broken)
        log.error("the engine broke in step(); %d running requests fail", len(broken), exc_info=error, extra=about)
        failed = _failure(error, "The model's engine broke while it answered")
        rows.clear()
        self.cache.clear()
        if self.spill is not None:
            self.spill.forget()
        engine.reset()
        for rid, choices in broken.items():
            self._fail(rid, failed, choices)

    def _about(self, *rids: int) -> dict[str, str]:
        """What a log line is told of these requests."""
        return {"request_id": " ".join(filter(None, map(self._named, rids)))}

    def _fail(self, rid: int, failed: Failed, choices: list[Choice] | None = None) -> None:
        """End a request. `choices` are those that it had, where a broken engine has lost them."""
        left = self._of(rid)
        usage = spent([choice.usage for choice in choices or left])
        for choice in left:
            self._drop(choice, keep=False)
        self._jobs = [queued for queued in self._jobs if queued.rid != rid]
        self._emit(rid, [msgspec.structs.replace(failed, spent=usage)])
        self._ended(rid)

    def _drop(self, choice: Choice, *, keep: bool) -> None:
        """Take a choice out wherever it is; its state goes to the prefix cache if it is worth keeping."""
        self._release_forks(choice)
        self._stalled = False
        if choice in self._waiting:
            self._waiting.remove(choice)
        elif self._live[choice.engine].pop(choice.sid, None) is not None:
            snapshot = choice.engine.remove(choice.sid, keep)
            if snapshot is not None:
                self.cache.keep(snapshot)

    def _release_forks(self, first: Choice) -> None:
        for choice in self._waiting:
            if choice.waits_for is first:
                choice.waits_for = None

    def _choices(self) -> list[Choice]:
        return self._waiting + [choice for rows in self._live.values() for choice in rows.values()]

    def _of(self, rid: int) -> list[Choice]:
        return [choice for choice in self._choices() if choice.rid == rid]


def _floor(model: Model) -> int:
    """What one sequence of ordinary length needs of a cache that grows."""
    engines = model.lanes()
    if not engines or engines[0].allocated_bytes():
        return 0
    return engines[0].cost([min(model.info.context or FLOOR_TOKENS, FLOOR_TOKENS)])


def _too_large(cost: int, lease: int) -> Failed:
    message = (
        f"The request needs {cost} bytes of KV cache for its prompt and max_tokens, but the model may use {lease}: "
        "send a shorter prompt, a smaller max_tokens, or raise memory_budget."
    )
    return _failed(InvalidRequest(message, param="max_tokens"))


def _failure(error: Exception, what: str) -> Failed:
    if isinstance(error, HeylookError):
        return _failed(error)
    return Failed("engine", f"{what} ({type(error).__name__}: {error}).")


def _failed(error: HeylookError) -> Failed:
    return Failed(error.kind, error.message, error.param, error.retry_after)
