"""A worker in a thread of the server: no copy, no start-up cost, no protection from a crash."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable

from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_core.settings import TierSettings
from heylook_core.workers.channel import SPILL_SHARE, Channel, looked_at, refusal
from heylook_core.workers.frames import FRAME_SECONDS
from heylook_core.workers.protocol import Closed, FromWorker, Lease, Load, LoadRefused, Ready, ToWorker, Turn, Unload
from heylook_core.workers.threads import EngineThreads
from heylook_core.workers.worker import SWITCH_SECONDS, LoadPlugin, Worker

log = logging.getLogger(__name__)

# glibc's mallopt(M_ARENA_MAX): it gives new threads heaps of their own, up to eight per core, and what is freed in one
# is not given back. A hundred swaps of two small models kept 700 MiB that way, and 160 MiB with two heaps.
ARENA_MAX, ARENAS = -8, 2


def bound_arenas() -> None:
    """Keep the threads of this process to two heaps, where the C library is glibc."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        libc.mallopt(ARENA_MAX, ARENAS)


def trim_heaps() -> None:
    """Give the system back what was freed, which glibc keeps for later where it lies between what is still in use."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        libc.malloc_trim(0)


class ThreadChannel(Channel):
    """Frames come in by one `call_soon_threadsafe` per batch, at most one in `FRAME_SECONDS`.

    `threads` are kept for other models; without any, the thread ends with this one.
    """

    def __init__(
        self,
        on_turn: Callable[[Turn], None],
        on_lost: Callable[[str], None],
        load_plugin: LoadPlugin,
        threads: EngineThreads | None = None,
    ) -> None:
        super().__init__(on_turn, on_lost)
        self._load_plugin = load_plugin
        self._threads = threads or EngineThreads(keep=False)
        self._loop = asyncio.get_running_loop()
        self._frames: deque[FromWorker] = deque()
        self._scheduled = False
        self._next_at = 0.0
        self._ready: asyncio.Future[Ready] = self._loop.create_future()
        self._ready.add_done_callback(looked_at)
        self._ended = asyncio.Event()
        self._stopping = False
        self._worker: Worker | None = None
        self._left: threading.Event | None = None

    async def start(self, spec: ModelSpec, lease: Lease, tier: TierSettings | None = None) -> Ready:
        sys.setswitchinterval(SWITCH_SECONDS)
        bound_arenas()
        self._worker = Worker(Load(self.epoch, spec, lease, tier), self._load_plugin, self._from_worker)
        self._left = self._threads.run(self._worker, spec.provider, f"heylook-{spec.id}")
        return await asyncio.shield(self._ready)

    def send(self, message: ToWorker) -> None:
        if self._worker is not None and not self._ended.is_set():
            self._worker.receive(message)

    async def stop(self, grace: float) -> bool:
        self._stopping = True
        self.send(Unload(grace * SPILL_SHARE))
        try:
            await asyncio.wait_for(self._ended.wait(), grace)
        except TimeoutError:
            return False
        if self._left is not None:
            self._left.wait(1.0)  # it has sent its last message: what is left takes microseconds
            self._worker = self._left = None
            await asyncio.to_thread(trim_heaps)
        return True

    def kill(self) -> bool:
        return False

    def _from_worker(self, message: FromWorker) -> None:
        """Called on the worker's threads."""
        self._frames.append(message)
        if not self._scheduled:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._deliver_when_due)
            except RuntimeError:  # the event loop is gone: nobody is left to tell
                log.debug("a frame came after the event loop had closed")

    def _deliver_when_due(self) -> None:
        if self._loop.time() < self._next_at:
            self._loop.call_at(self._next_at, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        self._scheduled = False
        self._next_at = self._loop.time() + FRAME_SECONDS
        while self._frames:
            message = self._frames.popleft()
            match message:
                case Turn():
                    self._on_turn(message)
                case Ready() if not self._ready.done():
                    self._ready.set_result(message)
                case LoadRefused() if not self._ready.done():
                    self._stopping = True
                    self._ready.set_exception(refusal(message))
                case Closed():
                    self._ended.set()
                    if not self._ready.done():
                        self._ready.set_exception(LoadFailed("its worker thread ended before the model was loaded."))
                    elif not self._stopping:
                        self._on_lost("its worker thread ended with an error")
