"""Notices that a client has left, or has stopped reading, while its request is being served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any, TypeAlias

from heylook_core.departure import Departure

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

DEPARTURE = "heylook.departure"
HELD = "heylook.held"
SEND = "heylook.send"
LINGER_SECONDS = 1.0
CHECKS = 4
SHORT_SECONDS = 0.02


class Disconnects:
    """ASGI wrapper: puts a `Departure` under the scope key `heylook.departure` and announces it.

    What is put into the ExitStack that `heylook.held` gives is closed with the exchange. A handler that has not ended
    a second after its client left is cancelled. A WebSocket's departure is announced when its task ends or notices it;
    it gets the server's `send` under `heylook.send`.
    """

    def __init__(self, app: ASGIApp, write_timeout: float) -> None:
        self.app = app
        self._write_timeout = write_timeout
        self._fresh: set[Exchange] = set()
        self._armed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._socket(scope, receive, send)
            return
        exchange = Exchange(receive, send, self._write_timeout)
        scope[DEPARTURE] = exchange.departure
        scope[HELD] = exchange.held
        self._begin(exchange)
        try:
            await exchange.run(self.app, scope)
        finally:
            self._fresh.discard(exchange)

    def _begin(self, exchange: Exchange) -> None:
        """A short answer is over before anybody watches its client: no task and no timer for each of them."""
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_later(SHORT_SECONDS, self._attend)
        self._fresh.add(exchange)

    def _attend(self) -> None:
        self._armed = False
        lasting, self._fresh = self._fresh, set()
        for exchange in lasting:
            exchange.attend()

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        departure = scope[DEPARTURE] = Departure()
        scope[SEND] = send
        try:
            await self.app(scope, receive, send)
        finally:
            departure.announce()


class Exchange:
    """One request and its answer, seen from the wire. Event loop only."""

    def __init__(self, receive: Receive, send: Send, write_timeout: float) -> None:
        self.departure = Departure()
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None
        self._read = False
        self._attending = False
        self._loop = asyncio.get_running_loop()
        self._steps = 0
        self._seen = 0
        self._stuck = 0
        self._interval = write_timeout / CHECKS
        self._timer: asyncio.TimerHandle | None = None
        self._held: ExitStack | None = None

    def held(self) -> ExitStack:
        """What is closed with the exchange."""
        if self._held is None:
            self._held = ExitStack()
        return self._held

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        task = asyncio.current_task()
        if task is not None:
            self.departure.add(lambda: self._end_later(task))
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            if not self.departure.happened:
                raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._watcher is not None:
                self._watcher.cancel()
            if self._held is not None:
                self._held.close()

    def _end_later(self, task: asyncio.Task[Any]) -> None:
        """A handler ends by itself when its Departure happens; one that does not is cancelled."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(LINGER_SECONDS, task.cancel)

    def attend(self) -> None:
        """The exchange is no short one: from now on look whether the client leaves, or does not read."""
        self._attending = True
        self._timer = self._loop.call_later(self._interval, self._look)
        if self._read:
            self._watcher = self._watcher or self._loop.create_task(self._watch())

    async def receive(self) -> Message:
        if self._read:
            self._watcher = self._watcher or self._loop.create_task(self._watch())
            await self._watcher
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.departure.announce()
        elif not message.get("more_body"):
            self._read = True
            if self._attending:
                self._watcher = self._loop.create_task(self._watch())
        return message

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.departure.announce()

    async def send(self, message: Message) -> None:
        """Pass a message on. `_steps` is odd while the server waits for the client to read: no timer per token."""
        self._steps += 1
        await self._send(message)
        self._steps += 1

    def _look(self) -> None:
        """Count the checks in a row that found the same send unfinished; CHECKS of them make `write_timeout`."""
        stuck = self._steps % 2 == 1 and self._steps == self._seen
        self._stuck = self._stuck + 1 if stuck else 0
        self._seen = self._steps
        if self._stuck >= CHECKS:
            self._cut()
        else:
            self._timer = self._loop.call_later(self._interval, self._look)

    def _cut(self) -> None:
        """Drop the connection of a client that does not read."""
        abort(self._send)
        self.departure.announce()


def abort(send: Send) -> None:
    """End a connection at once.

    uvicorn's `send` is a method of what has the transport; closing that in the ordinary way would first wait for the
    client to read what is buffered.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
