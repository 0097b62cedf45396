"""Workers without weights on a clock that jumps: they hold memory, obey leases late, fail and die on demand."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable
from typing import Any

from heylook_core.errors import LoadFailed, OutOfMemory, Unavailable
from heylook_core.provider import ModelInfo, ModelSpec
from heylook_core.residency import Residency, Resident
from heylook_core.settings import ModelEntry
from heylook_core.workers.channel import Channel
from heylook_core.workers.protocol import Gauges, Lease, Ready, SetLease, Turn


class JumpingLoop(asyncio.SelectorEventLoop):
    """Nothing is waited for: when there is nothing to do, its clock goes to the next moment at which there is."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("Everybody waits for somebody: a deadlock.")
        if not ready and timeout:
            self._loop.now += timeout
        return ready


class Memory:
    """What all workers hold, and the most that they ever did. `limit` None does not look."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.workers: list[SimulatedChannel] = []
        self.most = 0

    @property
    def held(self) -> int:
        return sum(worker.held for worker in self.workers)

    def look(self) -> None:
        self.most = max(self.most, self.held)
        if self.limit is not None:
            assert self.held <= self.limit, [(worker.entry.id, worker.held) for worker in self.workers]


class Work:
    """One request: KV that it needs, and for how long."""

    def __init__(self, cost: int, seconds: float) -> None:
        self.cost = cost
        self.seconds = seconds
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class SimulatedChannel(Channel):
    """A worker by its entry's config: `weights`, `floor` (KV that grows) or `allocated`, `load`, `fails`."""

    def __init__(
        self,
        entry: ModelEntry,
        on_turn: Callable[[Turn], None],
        on_lost: Callable[[str], None],
        memory: Memory,
        chance: random.Random,
    ) -> None:
        super().__init__(on_turn, on_lost)
        self.entry = entry
        self._config = entry.config
        self._memory = memory
        self._chance = chance
        self._lease = Lease(0, 0)
        self._waiting: deque[Work] = deque()
        self._rows: list[Work] = []
        self._kept = 0
        self._wanted = 0
        self._loaded = 0
        self._ready = False
        self._inbox: deque[SetLease] = deque()
        self.alive = True
        memory.workers.append(self)

    # ------------------------------------------------------------------ what it holds

    @property
    def held(self) -> int:
        live = sum(row.cost for row in self._rows)
        return self._loaded + (live if self._config.get("floor") else 0) + self._kept

    def gauges(self) -> Gauges:
        live, grows = sum(row.cost for row in self._rows), bool(self._config.get("floor"))
        return Gauges(
            weights=self._config["weights"],
            live_kv=live,
            kept=self._kept,
            live=len(self._rows),
            queued=len(self._waiting),
            allocated=self._config.get("allocated", 0),
            reserved=live if grows else 0,
            wanted=self._wanted if self._waiting else 0,
            floor=self._config.get("floor", 0),
            lease=self._lease.serial,
        )

    # ------------------------------------------------------------------ Channel

    async def start(self, spec: ModelSpec, lease: Lease, tier: object = None) -> Ready:
        self._lease = lease
        whole = self._config["weights"] + self._config.get("allocated", 0)
        for part in (whole // 2, whole):
            await asyncio.sleep(self._chance.uniform(0, self._config["load"]))
            self._loaded = part
            self._memory.look()
        if self._chance.random() < self._config.get("fails", 0.0):
            kind = self._chance.choice((LoadFailed, OutOfMemory, ValueError))
            raise kind("told to fail")
        self._ready = True
        return Ready(self.epoch, ModelInfo(context=100, weights_bytes=self._config["weights"]), 0.1, self.gauges())

    def send(self, message: object) -> None:
        if self.alive and isinstance(message, SetLease):
            self._inbox.append(message)
            asyncio.get_running_loop().call_later(self._chance.uniform(0, 1.0), self._obey)

    async def stop(self, grace: float) -> bool:
        await asyncio.sleep(self._chance.uniform(0, 0.5))
        assert not (self._rows and self.alive and not self.closing), f"{self.entry.id} is unloaded in use"
        self.die()
        return True

    closing = False

    def kill(self) -> bool:
        return True

    # ------------------------------------------------------------------ its life

    def die(self) -> None:
        """Everything is given back, and who waits is told."""
        self.alive = False
        self._loaded = self._kept = 0
        for work in [*self._rows, *self._waiting]:
            if not work.done.done():
                work.done.set_exception(Unavailable("The worker is gone."))
        self._rows.clear()
        self._waiting.clear()
        if self in self._memory.workers:
            self._memory.workers.remove(self)

    def crash(self) -> None:
        self.die()
        self._on_lost("told to die")

    def _obey(self) -> None:
        if not self.alive:
            return
        self._lease = self._inbox.popleft().lease
        self._kept = min(self._kept, self._lease.kept)
        self._admit()
        self._tell()

    def _tell(self) -> None:
        """Gauges travel: what they say may be old when they arrive."""
        turn = Turn(self.epoch, [], self.gauges())
        asyncio.get_running_loop().call_later(0.001, self._arrive, turn)

    def _arrive(self, turn: Turn) -> None:
        if self.alive and self._ready:
            self._on_turn(turn)

    def submit(self, work: Work) -> None:
        self._waiting.append(work)
        self._admit()
        self._tell()

    def _admit(self) -> None:
        self._wanted = 0
        for work in list(self._waiting):
            kv = self._lease.kv if self._config.get("floor") else -1
            if kv < 0 or sum(row.cost for row in self._rows) + work.cost <= kv:
                self._waiting.remove(work)
                self._rows.append(work)
                asyncio.get_running_loop().call_later(work.seconds, self._end, work)
            elif work.cost > max(kv, self._lease.most):
                self._waiting.remove(work)
                work.done.set_exception(Unavailable("It needs more than there is."))
            elif work.cost > kv:
                self._wanted = max(self._wanted, work.cost)
            else:
                break
        self._memory.look()

    def _end(self, work: Work) -> None:
        if work not in self._rows:
            return
        self._rows.remove(work)
        self._kept = min(self._kept + work.cost, self._lease.kept)
        if not work.done.done():
            work.done.set_result(None)
        self._admit()
        self._tell()


def ended(done: asyncio.Future[None], residency: Residency, resident: Resident) -> None:
    """As in serving: a request is in flight until its worker says that it has ended, not until its client leaves."""
    done.exception()
    residency.release(resident)
