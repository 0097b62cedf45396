"""Where one request's events wait for its reader."""

from __future__ import annotations

import asyncio

from heylook_core.errors import HeylookError
from heylook_core.messages import Event
from heylook_core.workers.frames import append_merged


class Mailbox:
    """One writer, one reader, both on the event loop. A slow reader finds its text merged, never a stalled worker.

    One timer serves the whole life of the box: it is not touched by each event, only re-armed when it fires.
    """

    def __init__(self, keepalive: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._keepalive = keepalive
        self._events: list[Event] = []
        self._error: HeylookError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, events: list[Event]) -> None:
        if self._events:
            for event in events:
                append_merged(self._events, event)
        else:
            self._events = list(events)
        self.wake()

    def fail(self, error: HeylookError) -> None:
        """The reader gets this error at once, in place of anything still unread."""
        self._error = error
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> list[Event]:
        """What has come since the last call; an empty list after `keepalive` seconds of silence."""
        if not self._events and self._error is None:
            if self._timer is None:
                self._timer = self._loop.call_at(self._last + self._keepalive, self._silence)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._error is not None:
            self.close()
            raise self._error
        self._last = self._loop.time()
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _silence(self) -> None:
        """The timer fired: wake the reader if it was silent for the whole interval, and arm again."""
        now = self._loop.time()
        due = self._last + self._keepalive
        if now >= due:
            self._last = now
            self.wake()
            due = now + self._keepalive
        self._timer = self._loop.call_at(due, self._silence)
