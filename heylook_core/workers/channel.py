"""How the server reaches a worker. The same messages, whether it is a thread or a child process."""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable

from heylook_core.errors import LoadFailed, OutOfMemory
from heylook_core.provider import ModelSpec
from heylook_core.settings import TierSettings
from heylook_core.workers.protocol import Lease, LoadRefused, Ready, ToWorker, Turn

epochs = itertools.count(1)

# How much of the time to stop a worker may use to write kept prefixes; the rest is for closing the model.
SPILL_SHARE = 0.7


class Channel(ABC):
    """One incarnation of a worker, seen from the event loop. Every method is called there.

    `on_turn` gets each frame; `on_lost` is called once, with a reason, if the worker ends without being asked to.
    """

    def __init__(self, on_turn: Callable[[Turn], None], on_lost: Callable[[str], None]) -> None:
        self.epoch = next(epochs)
        self._on_turn = on_turn
        self._on_lost = on_lost

    @abstractmethod
    async def start(self, spec: ModelSpec, lease: Lease, tier: TierSettings | None = None) -> Ready:
        """Load the model. Raises LoadFailed with the cause; the worker is gone then."""

    @abstractmethod
    def send(self, message: ToWorker) -> None:
        """Hand a message over; never blocks, and does nothing after the worker's end."""

    @abstractmethod
    async def stop(self, grace: float) -> bool:
        """Unload and end; False if the worker has not ended after `grace` seconds."""

    @abstractmethod
    def kill(self) -> bool:
        """End it at once, whatever it does; False where that is impossible (a thread)."""

    @property
    def pid(self) -> int | None:
        """Process id of a worker that is a process of its own."""
        return None


def refusal(message: LoadRefused) -> LoadFailed:
    return OutOfMemory(message.message) if message.memory else LoadFailed(message.message)


def looked_at(future: asyncio.Future[Ready]) -> None:
    """Whoever waited for the load may have given up: its error is nobody's then, and no cause for a complaint."""
    if not future.cancelled():
        future.exception()
