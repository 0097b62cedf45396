"""Several requests at the same time: as whole answers, or as one stream of their events. Event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from heylook_core.messages import ChatRequest, Event
from heylook_core.running import Choice, Run

T = TypeVar("T")
Open = Callable[[ChatRequest], Awaitable[Run]]

AT_ONCE = 32  # below the server's smallest queue, so that one client's list does not fill it


async def gathered(work: Sequence[Coroutine[Any, Any, T]], at_once: int = AT_ONCE) -> list[T]:
    """The results, in order. The first failure cancels the rest and is raised."""
    gate = asyncio.Semaphore(at_once)

    async def admitted(one: Coroutine[Any, Any, T]) -> T:
        try:
            async with gate:
                return await one
        finally:
            one.close()

    tasks = [asyncio.ensure_future(admitted(one)) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in work:
            one.close()
        raise


async def collected(open_: Open, request: ChatRequest) -> list[Choice]:
    """Every choice of one request, whole."""
    run = await open_(request)
    try:
        return await run.collect()
    finally:
        run.close()


class Arrived(NamedTuple):
    """Events of the request number `at`; empty after a keepalive interval in which nothing came from anywhere."""

    at: int
    events: list[Event]


class Several:
    """Requests whose events come as one stream, as many at once as `AT_ONCE`; close it in the end."""

    def __init__(self, open_: Open, requests: Sequence[ChatRequest], keepalive: float) -> None:
        self._open = open_
        self._requests = list(enumerate(requests))
        self._keepalive = keepalive
        self._runs: list[tuple[int, Run]] = []
        self._news: asyncio.Queue[Arrived | BaseException | None] = asyncio.Queue()
        self._relays: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin the first ones, and return when they are accepted. Raises what refuses one of them."""
        first, self._requests = self._requests[:AT_ONCE], self._requests[AT_ONCE:]

        async def begin(at: int, request: ChatRequest) -> None:
            self._runs.append((at, await self._open(request)))

        try:
            await gathered([begin(at, request) for at, request in first])
        except BaseException:
            self.close()
            raise

    async def __aiter__(self) -> AsyncIterator[Arrived]:
        """What arrives, in the order in which it does. Raises the first failure."""
        waiting = iter(self._requests)
        self._relays = [asyncio.create_task(self._relay(at, run, waiting)) for at, run in self._in_order()]
        working = len(self._relays)
        while working:
            try:
                found = await asyncio.wait_for(self._news.get(), self._keepalive)
            except TimeoutError:
                yield Arrived(0, [])
                continue
            if isinstance(found, BaseException):
                raise found
            if found is None:
                working -= 1
            else:
                yield found

    def close(self) -> None:
        """End what still runs."""
        for relay in self._relays:
            relay.cancel()
        for _, run in self._runs:
            run.close()

    def _in_order(self) -> list[tuple[int, Run]]:
        return sorted(self._runs, key=lambda numbered: numbered[0])

    async def _relay(self, at: int, run: Run, waiting: Iterator[tuple[int, ChatRequest]]) -> None:
        """Pass one run's events on, then those of requests that have not begun yet."""
        try:
            while True:
                async for events in run:
                    if events:
                        self._news.put_nowait(Arrived(at, events))
                run.close()
                following = next(waiting, None)
                if following is None:
                    break
                at, request = following
                run = await self._open(request)
                self._runs.append((at, run))
        except Exception as error:
            self._news.put_nowait(error)
        else:
            self._news.put_nowait(None)
