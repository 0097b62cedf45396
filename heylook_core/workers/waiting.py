"""Requests that wait for one of a few threads, and may leave while they do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from heylook_core.messages import Event, Finished, Timings, Usage
from heylook_core.workers.protocol import Call, Submit


class WaitingLine:
    """A pool of threads whose work has numbers. Any thread, except for `close`."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._waiting: dict[int, tuple[Future[None], Callable[[], None]]] = {}
        self._guard = threading.Lock()

    def put(self, rid: int, work: Callable[[], None], instead: Callable[[], None]) -> None:
        """Run `work` once a thread is free; `instead` at once where it leaves before."""
        with self._guard:
            self._waiting[rid] = self._pool.submit(self._run, rid, work), instead

    def leave(self, rid: int) -> None:
        """It is not to run any more. Does nothing where it runs already, or has run."""
        with self._guard:
            future, instead = self._waiting.pop(rid, (None, None))
        if future is not None and instead is not None and future.cancel():
            instead()

    def close(self) -> None:
        """Drop what waits, and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, rid: int, work: Callable[[], None]) -> None:
        with self._guard:
            self._waiting.pop(rid, None)
        work()


def cancelled(message: Submit | Call) -> list[Event]:
    """The end of a request that was cancelled before it began."""
    choices = message.request.n if isinstance(message, Submit) else 1
    return [Finished(index, "cancelled", Usage(), Timings()) for index in range(choices)]
