"""Form 1: requests run as iterators on a few threads. The core applies stop strings and cancellation."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from heylook_core.calls import about
from heylook_core.errors import HeylookError
from heylook_core.messages import Accepted, ChatRequest, Event, Failed, Finished, Text, Timings, Tokens, Usage, Vectors
from heylook_core.provider import Provider
from heylook_core.quantiles import Gaps
from heylook_core.text.stops import StopMatcher
from heylook_core.workers.protocol import Call, Detokenize, Embed, FromWorker, Operation, Submit, Tokenize, Turn
from heylook_core.workers.waiting import WaitingLine
from heylook_core.workers.waiting import cancelled as unbegun

log = logging.getLogger(__name__)


class IteratorLane:
    """Runs `Provider.chat` for up to `concurrency` requests at once; further ones wait."""

    def __init__(
        self, provider: Provider, epoch: int, send: Callable[[FromWorker], None], ended: Callable[[int], None]
    ) -> None:
        self._provider = provider
        self._epoch = epoch
        self._send = send
        self._ended = ended
        self._line = WaitingLine(provider.concurrency, f"heylook-{provider.spec.id}")

    def submit(self, message: Submit, cancelled: threading.Event, arrived: float) -> None:
        self._put(message, partial(self._run, message, cancelled, arrived), cancelled)

    def call(self, message: Call, cancelled: threading.Event) -> None:
        """Something that is not generation: it has its turn on the same threads."""
        self._put(message, partial(self._call, message, cancelled), cancelled)

    def cancel(self, rid: int) -> None:
        """End a request that still waits for a thread; one that runs looks at its flag. Any thread."""
        self._line.leave(rid)

    def close(self) -> None:
        """Wait for running iterators, which have been told to stop; drop those that wait."""
        self._line.close()

    def _put(self, message: Submit | Call, work: Callable[[], None], cancelled: threading.Event) -> None:
        def named() -> None:
            with about(message.request_id):
                work()

        self._line.put(message.rid, named, lambda: self._end(message.rid, unbegun(message)))
        if cancelled.is_set():  # between the look at its flag and now
            self.cancel(message.rid)

    def _run(self, message: Submit, cancelled: threading.Event, arrived: float) -> None:
        answer = IteratorAnswer(message, arrived)
        try:
            if not cancelled.is_set():
                self._relay(message, answer, cancelled)
            last: list[Event] = answer.missing("cancelled" if cancelled.is_set() else "stop")
        except Exception as error:
            last = [self._failed(error)]
        self._end(message.rid, last)

    def _call(self, message: Call, cancelled: threading.Event) -> None:
        try:
            found: list[Tokens | Text | Vectors] = []
            if not cancelled.is_set():
                found = [_called(self._provider, message.operation)]
            usage = Usage(prompt=sum(sum(event.tokens) for event in found if isinstance(event, Vectors)))
            last: list[Event] = [*found, Finished(0, "cancelled" if cancelled.is_set() else "stop", usage, Timings())]
        except NotImplementedError:
            last = [Failed("unsupported", f"This model cannot do {type(message.operation).__name__}.")]
        except Exception as error:
            last = [self._failed(error)]
        self._end(message.rid, last)

    def _failed(self, error: Exception) -> Failed:
        if isinstance(error, HeylookError):
            return Failed(error.kind, error.message, error.param, error.retry_after)
        log.error("the provider of %s failed", self._provider.spec.id, exc_info=error)
        return Failed("engine", f"The provider failed while it answered ({type(error).__name__}: {error}).")

    def _end(self, rid: int, last: list[Event]) -> None:
        self._ended(rid)
        if last:
            self._send(Turn(self._epoch, [(rid, last)]))

    def _relay(self, message: Submit, answer: IteratorAnswer, cancelled: threading.Event) -> None:
        """Every choice is a call of its own, one after the other: a provider never sees `n` above 1."""
        for index in range(message.request.n):
            for events in self._choice(single(message.request, index), index, answer, cancelled):
                self._send(Turn(self._epoch, [(message.rid, events)]))

    def _choice(
        self, request: ChatRequest, index: int, answer: IteratorAnswer, cancelled: threading.Event
    ) -> Iterator[list[Event]]:
        """What to send for one choice, until it is complete or the request is cancelled."""
        iterator: Iterator[Event] = iter(self._provider.chat(request, cancelled))
        try:
            for event in iterator:
                events = answer.take(at_choice(event, index))
                if events:
                    yield events
                if cancelled.is_set() or answer.has(index):
                    return
            if left_open := answer.missing("cancelled" if cancelled.is_set() else "stop", index):
                yield left_open
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()


def _called(provider: Provider, operation: Operation) -> Tokens | Text | Vectors:
    """Raises NotImplementedError for what the provider has not."""
    match operation:
        case Embed(inputs, options):
            return provider.embed(inputs, options)
        case Tokenize(text, None):
            return provider.tokenize(text)
        case Detokenize(ids):
            return Text(0, provider.detokenize(ids))
        case _:
            raise NotImplementedError


def single(request: ChatRequest, index: int) -> ChatRequest:
    """The request for one of its choices: a seed moves on, so that choices differ; the prompt is scored once."""
    if request.n == 1:
        return request
    seed = request.sampling.seed
    moved = msgspec.structs.replace(request.sampling, seed=None if seed is None else seed + index)
    return msgspec.structs.replace(request, n=1, sampling=moved, echo=request.echo and index == 0)


def at_choice(event: Event, index: int) -> Event:
    """The same event as part of choice `index`."""
    if index == 0 or not hasattr(event, "choice"):
        return event
    return msgspec.structs.replace(event, choice=index)


class IteratorAnswer:
    """Puts one iterator's events in order: Accepted first, stop strings cut, every choice finished once."""

    def __init__(self, message: Submit, arrived: float) -> None:
        self._choices = message.request.n
        self._stops = [StopMatcher(message.request.stop) for _ in range(self._choices)]
        self._arrived = arrived
        self._first_at: float | None = None
        self._gaps = [Gaps() for _ in range(self._choices)]
        self._accepted = False
        self._finished: set[int] = set()

    def has(self, choice: int) -> bool:
        """This choice has its last event."""
        return choice in self._finished

    def take(self, event: Event) -> list[Event]:
        """What to send for one event of the provider."""
        if isinstance(event, Accepted):
            first, self._accepted = not self._accepted, True
            return [event] if first else []
        events: list[Event] = [] if self._accepted else [Accepted(0)]
        self._accepted = True
        if isinstance(event, Text):
            return events + self._text(event)
        if isinstance(event, Finished):
            return events + self._finish(event)
        return [*events, event]

    def missing(self, reason: str, choice: int | None = None) -> list[Event]:
        """An end for this choice, or for every choice that the provider left open."""
        events: list[Event] = [] if self._accepted else [Accepted(0)]
        self._accepted = True
        wanted = range(self._choices) if choice is None else (choice,)
        for index in sorted(set(wanted) - self._finished):
            events += self._finish(Finished(index, reason, Usage(), self._timings(index)))  # type: ignore[arg-type]
        return events

    def _text(self, event: Text) -> list[Event]:
        if event.choice in self._finished:
            return []
        now = time.monotonic()
        if self._first_at is None:
            self._first_at = now
        self._gaps[event.choice].token(now)
        stops = self._stops[event.choice]
        text = stops.push(event.text)
        events: list[Event] = [Text(event.choice, text)] if text else []
        if stops.stopped:
            events += self._finish(Finished(event.choice, "stop", Usage(), self._timings(event.choice)))
        return events

    def _finish(self, event: Finished) -> list[Event]:
        if event.choice in self._finished:
            return []
        self._finished.add(event.choice)
        held = self._stops[event.choice].end()
        events: list[Event] = [Text(event.choice, held)] if held else []
        return [*events, event]

    def _timings(self, choice: int) -> Timings:
        """What is seen from here, for a provider that does not measure itself: a piece of text counts as a token."""
        now = time.monotonic()
        first, gaps = self._first_at if self._first_at is not None else now, self._gaps[choice]
        before = first - self._arrived
        return Timings(0.0, before, now - first, before, gaps.at(0.5), gaps.at(0.95))
