"""Transcriptions and live sessions of one worker: a thread for each, which take turns at the provider."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeGuard

from heylook_core.calls import about
from heylook_core.errors import Cancelled, HeylookError
from heylook_core.messages import Accepted, Event, Failed, Finished, Segment, Timings, Usage
from heylook_core.provider import Provider
from heylook_core.workers.intake import Intake
from heylook_core.workers.listening import listen, transcribe
from heylook_core.workers.protocol import Call, Feed, FromWorker, OpenSession, Submit, Transcribe, Turn
from heylook_core.workers.turns import Turns
from heylook_core.workers.waiting import WaitingLine, cancelled

log = logging.getLogger(__name__)

FILES = 4  # transcriptions that run side by side; further ones wait
SESSIONS = 64

Work = Callable[[Callable[[Event], None]], None]


class SpeechLane:
    """`expect`, `feed` and `cancel` are for the inbox, `begin` for the prepare thread, `close` for the engine's.

    `ended` is told of each request that is over, and calls `forget`.
    """

    def __init__(
        self, provider: Provider, epoch: int, send: Callable[[FromWorker], None], ended: Callable[[int], None]
    ) -> None:
        self._provider = provider
        self._epoch = epoch
        self._send = send
        self._ended = ended
        self._turns = Turns(provider.concurrency)
        self._intakes: dict[int, Intake] = {}
        name = f"heylook-{provider.spec.id}"
        self._files = WaitingLine(FILES, f"{name}-speech")
        self._sessions = WaitingLine(SESSIONS, f"{name}-live")

    @staticmethod
    def takes(message: Submit | Call) -> TypeGuard[Call]:
        return isinstance(message, Call) and isinstance(message.operation, Transcribe | OpenSession)

    def expect(self, call: Call) -> None:
        """Audio may come for this call from now on."""
        self._intakes[call.rid] = Intake()

    def forget(self, rid: int) -> None:
        """The request has ended, here or before it began."""
        self._intakes.pop(rid, None)

    def feed(self, feed: Feed) -> None:
        intake = self._intakes.get(feed.rid)
        if intake is not None:
            intake.put(feed)

    def cancel(self, rid: int) -> None:
        intake = self._intakes.get(rid)
        if intake is not None:
            intake.cancel()
        for line in (self._files, self._sessions):
            line.leave(rid)

    def begin(self, call: Call, arrived: float) -> None:
        intake = self._intakes.get(call.rid)
        if intake is None:  # it has ended meanwhile
            return
        if isinstance(call.operation, Transcribe):
            work = partial(transcribe, self._provider, call.operation.options, intake, self._turns)
            self._put(self._files, call, work, arrived, intake)
        elif isinstance(call.operation, OpenSession):
            work = partial(listen, self._provider, call.operation.options, intake, self._turns)
            self._put(self._sessions, call, work, arrived, intake)

    def close(self) -> None:
        """End all of it; the provider is given the time for the step that it is in."""
        for intake in list(self._intakes.values()):
            intake.cancel()
        for line in (self._files, self._sessions):
            line.close()

    def _put(self, line: WaitingLine, call: Call, work: Work, arrived: float, intake: Intake) -> None:
        line.put(call.rid, partial(self._run, call, work, arrived), partial(self._end, call.rid, cancelled(call)))
        if intake.cancelled:  # between the last look at it and now
            line.leave(call.rid)

    def _run(self, call: Call, work: Work, arrived: float) -> None:
        with about(call.request_id):
            self._work(call.rid, work, arrived)

    def _work(self, rid: int, work: Work, arrived: float) -> None:
        account = Account(arrived)

        def tell(event: Event) -> None:
            account.count(event)
            self._send(Turn(self._epoch, [(rid, [event])]))

        try:
            tell(Accepted(0))
            work(tell)
            last: Event = account.finished("stop")
        except Cancelled:
            last = account.finished("cancelled")
        except HeylookError as error:
            last = Failed(error.kind, error.message, error.param, error.retry_after)
        except Exception as error:
            log.exception("the provider of %s failed", self._provider.spec.id)
            last = Failed("engine", f"The provider failed while it listened ({type(error).__name__}: {error}).")
        self._end(rid, [last])

    def _end(self, rid: int, last: list[Event]) -> None:
        self._ended(rid)
        self._send(Turn(self._epoch, [(rid, last)]))


class Account:
    """Times and counts of one request, for its last event."""

    def __init__(self, arrived: float) -> None:
        self._arrived = arrived
        self._started = time.monotonic()
        self._first: float | None = None
        self._tokens = 0

    def count(self, event: Event) -> None:
        if isinstance(event, Segment):
            if self._first is None:
                self._first = time.monotonic()
            self._tokens += len(event.tokens) if event.final else 0

    def finished(self, reason: Any) -> Finished:
        now = time.monotonic()
        first = self._first if self._first is not None else now
        timings = Timings(self._started - self._arrived, first - self._started, now - first, first - self._arrived)
        return Finished(0, reason, Usage(completion=self._tokens), timings)
