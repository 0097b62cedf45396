"""Threads that take turns: a few at a time, live ones first."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# A request that has waited this long goes before the live ones.
PATIENCE_SECONDS = 2.0


class _Place:
    """A thread that waits; its lock is free once it is its turn."""

    def __init__(self, live: bool) -> None:
        self.live = live
        self.since = time.monotonic()
        self.called = threading.Event()


class Turns:
    """At most `n` threads hold a turn. Any thread; `take` waits."""

    def __init__(self, n: int) -> None:
        self._free = n
        self._lock = threading.Lock()
        self._waiting: deque[_Place] = deque()

    def take(self, live: bool = False) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            place = _Place(live)
            self._waiting.append(place)
        place.called.wait()

    def give_back(self) -> None:
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            place = self._next()
            self._waiting.remove(place)
            place.called.set()

    def pass_on(self, live: bool = False) -> None:
        """Let another one that waits go first."""
        if self._waiting:
            self.give_back()
            self.take(live)

    @contextmanager
    def held(self, live: bool = False) -> Iterator[None]:
        self.take(live)
        try:
            yield
        finally:
            self.give_back()

    @contextmanager
    def away(self, live: bool = False) -> Iterator[None]:
        """Without the turn meanwhile, for what waits for something else."""
        self.give_back()
        try:
            yield
        finally:
            self.take(live)

    def _next(self) -> _Place:
        first = self._waiting[0]
        if time.monotonic() - first.since >= PATIENCE_SECONDS:
            return first
        return next((place for place in self._waiting if place.live), first)
