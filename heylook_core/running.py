"""One request on its way: what its worker tells, read as a stream or as a whole. Event loop only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from heylook_core import records
from heylook_core.analytics import Kind as Kind
from heylook_core.analytics import RequestRecord
from heylook_core.calls import CALL
from heylook_core.departure import Departure
from heylook_core.errors import Cancelled, HeylookError, error_of
from heylook_core.messages import (
    Accepted,
    Event,
    Failed,
    Finished,
    Logprobs,
    Progress,
    PromptLogprobs,
    Reasoning,
    ScoredToken,
    Text,
    Tokens,
    ToolArgs,
    ToolCall,
    ToolOpen,
    Usage,
    Vectors,
)
from heylook_core.overheard import Overheard
from heylook_core.workers.mailbox import Mailbox

Phase = Literal["loading", "queued", "prompt", "answering"]


class Origin(msgspec.Struct, frozen=True):
    """Where a request came from, for its record. `at` is Unix time."""

    request_id: str
    dialect: str
    kind: Kind
    model: str
    provider: str
    streamed: bool
    at: float


class Choice(msgspec.Struct):
    """One complete answer. `prompt` is scored in the first choice only, where the request asks for it."""

    index: int
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: list[Logprobs] = msgspec.field(default_factory=list)
    prompt: list[ScoredToken] = msgspec.field(default_factory=list)
    finish: Finished | None = None


class Run:
    """One running request: iterate for lists of events, or `collect` whole choices. Always `close` in the end.

    The worker's side calls `deliver` and `lost`; the dialect's side reads. Once submitted, a request counts as
    in flight until the worker says that it has ended, not until its client leaves. `ended` is called once.
    """

    def __init__(
        self, origin: Origin, choices: int, keepalive: float, ended: Callable[[Run, RequestRecord], None]
    ) -> None:
        self.origin = origin
        self.accepted: Accepted | None = None
        self.progress: Progress | None = None
        self.load_seconds = 0.0
        self.images = 0
        self.audio_seconds = 0.0
        self.overheard: Overheard | None = None
        self.phase: Phase = "loading"
        self.prompt_tokens = 0
        self.error: HeylookError | None = None
        self._call = CALL.get()
        if self._call is not None:
            self._call.begun += 1
        self._open = choices
        self._finishes: list[Finished] = []
        self._spent = Usage()
        self._mailbox = Mailbox(keepalive)
        self._early: list[Event] = []
        self._unread = choices
        self._failure: HeylookError | None = None
        self._ended = ended
        self._send_cancel: Callable[[], None] | None = None
        self._release: Callable[[], None] | None = None
        self._over = False
        self._cancelled = False
        self._started = time.monotonic()

    # ------------------------------------------------------------------ the worker's side

    def submitted(self, cancel: Callable[[], None], release: Callable[[], None]) -> None:
        """The worker has it: `cancel` tells the worker to stop, `release` is called once it has ended."""
        self._send_cancel, self._release = cancel, release
        self.phase = "queued"

    def deliver(self, events: list[Event]) -> None:
        """Events of one turn, in order."""
        if self._over:
            return
        self._mailbox.put(events)
        if self.overheard is not None:
            self.overheard.hear(events)
        for event in events:
            kind = type(event)
            if kind is Text or kind is Reasoning:
                self.phase = "answering"
            elif kind is Finished:
                self._finishes.append(event)  # type: ignore[arg-type]
                self._open -= 1
            elif kind is Accepted:
                self.prompt_tokens = event.prompt_tokens  # type: ignore[union-attr]
            elif kind is Progress:
                self.phase = "prompt"
            elif kind is Failed:
                self._spent = event.spent  # type: ignore[union-attr]
                self._end(error_of(event.kind, event.message))  # type: ignore[union-attr]
                return
        if self._open <= 0:
            self._end(None)

    def lost(self, error: HeylookError) -> None:
        """The worker is gone."""
        if not self._over:
            self._mailbox.fail(error)
            self._end(error)

    @property
    def seconds(self) -> float:
        """Since it was begun."""
        return time.monotonic() - self._started

    @property
    def over(self) -> bool:
        """The worker has said its last word about this request."""
        return self._over

    # ------------------------------------------------------------------ the dialect's side

    async def admitted(self, early: float | None) -> None:
        """Wait until the worker accepts, or `early` seconds if given. Raises what the worker refuses with."""
        timer = None if early is None else self._mailbox_timer(early)
        deadline = None if early is None else time.monotonic() + early
        try:
            while self.accepted is None and not self._early:
                self._early = self._sift(await self._mailbox.get())
                if deadline is not None and time.monotonic() >= deadline:
                    return
        finally:
            if timer is not None:
                timer.cancel()

    def __aiter__(self) -> Run:
        return self

    async def __anext__(self) -> list[Event]:
        """Events since the last call; an empty list after a keepalive interval without any."""
        if self._early:
            events, self._early = self._early, []
            return events
        if self._failure is not None:
            raise self._failure
        if self._unread <= 0:
            self._mailbox.close()
            raise StopAsyncIteration
        while True:
            arrived = await self._mailbox.get()
            events = self._sift(arrived)
            if events or not arrived:
                return events
            if self._failure is not None:
                raise self._failure

    async def collect(self) -> list[Choice]:
        """Every choice, whole, in order."""
        choices: dict[int, Choice] = {}
        calls: dict[tuple[int, int], ToolCall] = {}
        async for events in self:
            for event in events:
                _gather(event, choices, calls)
        for index, choice in choices.items():
            choice.tool_calls = tuple(call for (owner, _), call in sorted(calls.items()) if owner == index)
        return [choices[index] for index in sorted(choices)]

    async def vectors(self) -> Vectors:
        """The result of an embedding call."""
        async for events in self:
            for event in events:
                if isinstance(event, Vectors):
                    self._unread = 0
                    return event
        raise error_of("engine", "The model finished without giving vectors.")

    async def tokens(self) -> Tokens:
        """The result of a call that tokenises."""
        async for events in self:
            for event in events:
                if isinstance(event, Tokens):
                    return event
        raise error_of("engine", "The model finished without giving tokens.")

    def cancel(self) -> None:
        """Stop the work; the reader gets `Cancelled`. Does nothing after the end."""
        if self._over or self._cancelled:
            return
        self._cancelled = True
        error = Cancelled("The request was cancelled.")
        self._mailbox.fail(error)
        if self._send_cancel is not None:
            self._send_cancel()
        else:
            self._end(error)

    def close(self) -> None:
        """Give the mailbox back, and cancel what still runs."""
        self.cancel()
        self._mailbox.close()

    def watch(self, gone: Departure | None) -> None:
        """Cancel when the client leaves."""
        if gone is not None:
            gone.add(self.cancel)

    # ------------------------------------------------------------------ inside

    def _mailbox_timer(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._mailbox.wake)

    def _sift(self, events: list[Event]) -> list[Event]:
        """What the dialect is to see; acceptance, progress and failure are kept aside."""
        found: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is Text:
                found.append(event)
            elif kind is Accepted:
                self.accepted = event  # type: ignore[assignment]
            elif kind is Progress:
                self.progress = event  # type: ignore[assignment]
            elif kind is Failed:
                self._failure = error_of(event.kind, event.message, event.param, event.retry_after)  # type: ignore[union-attr]
                if not found:
                    raise self._failure
            else:
                if kind is Finished or kind is Vectors:
                    self._unread -= 1
                found.append(event)
        return found

    def _end(self, error: HeylookError | None) -> None:
        self._over = True
        self.error = error
        if self._release is not None:
            self._release()
        self._ended(self, self._record(error))

    def _record(self, error: HeylookError | None) -> RequestRecord:
        return records.finished(
            self.origin,
            self._call,
            self._finishes,
            self._spent,
            error,
            cancelled=self._cancelled,
            prompt_tokens=self.prompt_tokens,
            images=self.images,
            audio_seconds=self.audio_seconds,
            load_seconds=self.load_seconds,
            total_seconds=self.seconds,
        )


def _gather(event: Event, choices: dict[int, Choice], calls: dict[tuple[int, int], ToolCall]) -> None:
    match event:
        case Text(index, text):
            choices.setdefault(index, Choice(index)).text += text
        case Reasoning(index, text):
            choices.setdefault(index, Choice(index)).reasoning += text
        case ToolOpen(index, call, id_, name):
            choices.setdefault(index, Choice(index))
            calls[index, call] = ToolCall(id_, name, "")
        case ToolArgs(index, call, text):
            opened = calls[index, call]
            calls[index, call] = ToolCall(opened.id, opened.name, opened.arguments + text)
        case PromptLogprobs(tokens):
            choices.setdefault(0, Choice(0)).prompt += tokens
        case Logprobs(index):
            choices.setdefault(index, Choice(index)).logprobs.append(event)
        case Finished(index):
            choices.setdefault(index, Choice(index)).finish = event
        case _:
            pass
