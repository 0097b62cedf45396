"""Audio of one request on its way from the worker's inbox to the thread that listens to it."""

from __future__ import annotations

import threading
from collections import deque

from heylook_core.errors import Cancelled
from heylook_core.workers.protocol import Feed


class Intake:
    """Bounded by the credit that the worker gives. The inbox puts, the request's thread takes."""

    def __init__(self) -> None:
        self._feeds: deque[Feed] = deque()
        self._news = threading.Condition()
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def put(self, feed: Feed) -> None:
        with self._news:
            self._feeds.append(feed)
            self._news.notify()

    def cancel(self) -> None:
        with self._news:
            self._cancelled = True
            self._news.notify()

    def take(self) -> Feed:
        """The next one. Waits for it; raises Cancelled where the request is over."""
        with self._news:
            self._wait()
            return self._feeds.popleft()

    def take_all(self) -> list[Feed]:
        """Everything that has come, at least one, with audio that came together as one."""
        with self._news:
            self._wait()
            feeds, self._feeds = self._feeds, deque()
        joined: list[list[Feed]] = []
        for feed in feeds:
            if feed.command == "audio" and joined and joined[-1][0].command == "audio":
                joined[-1].append(feed)
            else:
                joined.append([feed])
        return [
            Feed(first.rid, b"".join(feed.data for feed in (first, *more)), first.command) for first, *more in joined
        ]

    def check(self) -> None:
        """Raise Cancelled where the request is over."""
        if self._cancelled:
            raise Cancelled("The request was cancelled.")

    def _wait(self) -> None:
        while not self._feeds and not self._cancelled:
            self._news.wait()
        self.check()
