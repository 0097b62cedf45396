"""What is decided about models in memory, each decision with its reason, and the last of them kept for listings."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Literal, TypeAlias

import msgspec

Decision: TypeAlias = Literal[
    "loading", "loaded", "failed", "refused", "shrunk", "yielding", "evicted", "expired", "unloaded", "lost", "hung"
]


class ResidencyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about one model. `at` is Unix time, `reason` a sentence.

    | decision | `bytes` | `seconds` |
    |---|---|---|
    | loading: room was made and the load begins | reserved for it | waited for room |
    | loaded | what it holds | the load took |
    | failed: the load failed | given back | until it is tried again |
    | refused: a request cannot have the model now | needed, where known | waited for room |
    | shrunk: kept prefixes were given up to make room | they may take from now on | 0 |
    | yielding: it takes no new requests for a while, to leave for another model | 0 | 0 |
    | evicted, expired, unloaded: it has left memory | given back | it was in memory |
    | lost: its worker died; hung: it gives no sign of life | given back, 0 where it still holds them | in memory |
    """

    at: float
    decision: Decision
    model: str
    reason: str
    bytes: int = 0
    seconds: float = 0.0


class ResidencyLog:
    """The last decisions, oldest first. Event loop only."""

    def __init__(self, most: int = 1000) -> None:
        self._events: deque[tuple[int, ResidencyEvent]] = deque(maxlen=most)
        self._count = 0
        self._news = asyncio.Event()

    def add(self, event: ResidencyEvent) -> None:
        self._count += 1
        self._events.append((self._count, event))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def last(self, most: int | None = None, model: str | None = None) -> list[ResidencyEvent]:
        """At most `most` of them, those of one model if it is named."""
        found = [event for _, event in self._events if model is None or event.model == model]
        return found if most is None else found[max(len(found) - most, 0) :]

    async def follow(self, silence: float, model: str | None = None) -> AsyncGenerator[ResidencyEvent | None, None]:
        """Decisions from now on; None after `silence` seconds of nothing."""
        seen = self._count
        while True:
            news = self._news
            fresh = [(number, event) for number, event in self._events if number > seen]
            if not fresh:
                try:
                    await asyncio.wait_for(news.wait(), silence)
                except TimeoutError:
                    yield None
                continue
            seen = fresh[-1][0]
            for _, event in fresh:
                if model is None or event.model == model:
                    yield event
