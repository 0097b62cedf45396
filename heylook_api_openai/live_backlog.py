"""Audio and commands of a live session between its socket and its worker."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal, TypeAlias

from heylook_core.hearing import Hearing

Command: TypeAlias = Literal["commit", "clear", "end"]

# Nine minutes at 16 kHz. Beyond that the client is not read from, and its pings are not answered meanwhile.
LARGEST = 16 << 20


class Backlog:
    """One task puts, one hands on. Event loop only."""

    def __init__(self, run: Hearing) -> None:
        self._run = run
        self._items: deque[bytes | Command] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()

    @property
    def seconds(self) -> float:
        """Of audio that has not been worked through, here and in the worker."""
        return self._run.waiting + self._bytes / self._run.byte_rate

    async def put(self, item: bytes | Command) -> None:
        """Waits while there is too much."""
        while self._bytes > LARGEST:
            await self._change()
        self._items.append(item)
        if isinstance(item, bytes):
            self._bytes += len(item)
        self._changed.set()

    async def hand_on(self) -> None:
        """Feed the worker, up to and with `end`."""
        while True:
            while not self._items:
                await self._change()
            item = self._items.popleft()
            if isinstance(item, bytes):
                await self._run.feed(item)
                self._bytes -= len(item)
                self._changed.set()
            else:
                self._run.command(item)
                if item == "end":
                    return

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
