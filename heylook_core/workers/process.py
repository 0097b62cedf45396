"""A worker in a child process: a crash, an assert or a kill takes only its own requests along."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
from collections.abc import Callable

from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_core.settings import TierSettings
from heylook_core.workers import wire
from heylook_core.workers.channel import SPILL_SHARE, Channel, looked_at, refusal
from heylook_core.workers.children import Children
from heylook_core.workers.lines import relayed
from heylook_core.workers.protocol import Closed, Lease, Load, LoadRefused, Logged, Ready, ToWorker, Turn, Unload

log = logging.getLogger(__name__)


class ProcessChannel(Channel, asyncio.Protocol):
    """Talks to `python -m heylook_core.workers.child` over a socket pair.

    The child ends itself when the socket closes, so a server that dies leaves no orphan.
    """

    def __init__(
        self, on_turn: Callable[[Turn], None], on_lost: Callable[[str], None], children: Children | None = None
    ) -> None:
        super().__init__(on_turn, on_lost)
        self._children = children or Children()
        self._frames = wire.FrameBuffer()
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._ready.add_done_callback(looked_at)
        self._gone = asyncio.Event()
        self._stopping = False
        self._transport: asyncio.Transport | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    async def start(self, spec: ModelSpec, lease: Lease, tier: TierSettings | None = None) -> Ready:
        self._child, sock = self._children.take()
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=sock)
        self._transport = transport
        self.send(Load(self.epoch, spec, lease, tier))
        try:
            ready = await asyncio.shield(self._ready)
        except LoadFailed:
            await self.stop(5.0)
            raise
        self._children.used()
        return ready

    def send(self, message: ToWorker) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(wire.pack(message))

    async def stop(self, grace: float) -> bool:
        self._stopping = True
        self.send(Unload(grace * SPILL_SHARE))
        try:
            await asyncio.wait_for(self._gone.wait(), grace)
        except TimeoutError:
            log.warning("worker process %s did not end within %.0f s and is killed", self.pid, grace)
            self.kill()
        await self._reap()
        return True

    def kill(self) -> bool:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
        return True

    # ------------------------------------------------------------------ asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            message = wire.from_worker.decode(frame)
            if message.epoch != self.epoch:
                continue
            match message:
                case Turn():
                    self._on_turn(message)
                case Ready() if not self._ready.done():
                    self._ready.set_result(message)
                case Logged():
                    relayed(message)
                case LoadRefused() if not self._ready.done():
                    self._stopping = True
                    self._ready.set_exception(refusal(message))
                case Closed():
                    self._stopping = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        if self._stopping:
            return
        task = asyncio.get_running_loop().create_task(self._report_loss())
        task.add_done_callback(lambda done: done.exception())

    async def _report_loss(self) -> None:
        reason = f"its worker process ended unexpectedly ({await self._reap()})"
        if not self._ready.done():
            self._ready.set_exception(LoadFailed(f"The model could not be loaded: {reason}."))
        else:
            self._on_lost(reason)

    async def _reap(self) -> str:
        """Wait for the child's exit and say how it ended."""
        if self._transport is not None:
            self._transport.close()
        if self._child is None:
            return "it never started"
        code = await asyncio.to_thread(self._wait)
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"

    def _wait(self) -> int:
        child = self._child
        if child is None:
            return 0
        try:
            return child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
