"""One model in memory: its worker, the requests on it, and the bytes it holds and may take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from heylook_core.errors import HeylookError
from heylook_core.keep_alive import KeepAlive
from heylook_core.provider import Estimate, ModelInfo
from heylook_core.residency.shares import Cache, Share
from heylook_core.running import Run
from heylook_core.settings import ModelEntry
from heylook_core.workers.channel import Channel
from heylook_core.workers.protocol import Gauges, Lease, SetLease, ToWorker, Turn


def now() -> float:
    """Seconds by the event loop's clock."""
    return asyncio.get_running_loop().time()


State: TypeAlias = Literal["loading", "ready", "leaving", "hung"]


class Resident:
    """A model in memory, or on its way in or out, and the requests that run on it. Event loop only.

    `placed` says that its memory is reserved. `yields` keeps new requests back, so that it becomes idle for a model
    that has waited long. `parting` is why it is to leave as soon as it is idle, and `successor` the entry to load in
    its place then.
    """

    def __init__(self, entry: ModelEntry, keep_alive: KeepAlive, on_gauges: Callable[[Resident, Gauges], None]) -> None:
        self.entry = entry
        self.keep_alive = keep_alive
        self._on_gauges = on_gauges
        self._gauged = asyncio.Event()
        self.state: State = "loading"
        self.channel: Channel | None = None
        self.info: ModelInfo | None = None
        self.runs: dict[int, Run] = {}
        self.holds = 0
        self.gauges = Gauges()
        self.estimate = Estimate(weights=0)
        self.placed = False
        self.yields = False
        self.lease = Lease(kv=0, kept=0)
        self._bound = self.lease
        self.wants_since: float | None = None
        self.since = now()
        self.used_at = now()
        self.heard_at = now()
        self.loading: asyncio.Task[None] | None = None
        self.leaving: asyncio.Task[bool] | None = None
        self.parting = ""
        self.successor: ModelEntry | None = None

    # ------------------------------------------------------------------ requests

    @property
    def in_flight(self) -> int:
        return max(self.holds, len(self.runs))

    @property
    def idle(self) -> bool:
        """It is loaded and nothing runs on it or waits for it."""
        return self.state == "ready" and not self.in_flight

    @property
    def expires_at(self) -> float | None:
        """Unix time at which it leaves if nothing happens; None for never, as for a pinned model."""
        return None if self.entry.pin else self.keep_alive.expires_at

    @property
    def due(self) -> bool:
        """Idle, and its time is up."""
        return self.idle and not self.entry.pin and self.keep_alive.expired

    def on_turn(self, turn: Turn) -> None:
        self.heard_at = now()
        if turn.gauges is not None:
            self.take_gauges(turn.gauges)
        for rid, events in turn.items:
            run = self.runs.get(rid)
            if run is not None:
                run.deliver(events)

    def touch(self) -> None:
        """It was used just now."""
        self.used_at = now()

    async def next_gauges(self) -> None:
        """Wait for the next frame with gauges."""
        self._gauged.clear()
        await self._gauged.wait()

    def send(self, message: ToWorker) -> None:
        if self.channel is not None:
            self.channel.send(message)

    def fail_runs(self, error: HeylookError) -> None:
        for run in list(self.runs.values()):
            run.lost(error)

    # ------------------------------------------------------------------ memory

    def take_gauges(self, gauges: Gauges) -> None:
        before, self.gauges = self.gauges, gauges
        if gauges.lease == self.lease.serial:
            self._bound = self.lease
        if not gauges.wanted:
            self.wants_since = None
        elif self.wants_since is None:
            self.wants_since = now()
        self._gauged.set()
        self._on_gauges(self, before)

    @property
    def share(self) -> Share:
        """What it holds for good and needs at least, by its own figures once it is loaded, else by the estimate."""
        if self.info is None:
            return Share(self.estimate.total)
        gauges = self.gauges
        cache: Cache = "allocated" if gauges.allocated else "grows" if gauges.floor else "none"
        return Share(gauges.weights + gauges.scratch + gauges.allocated, gauges.floor, cache)

    @property
    def charge(self) -> int:
        """Bytes that it holds or may take without asking: a lease counts until the worker has confirmed a smaller one.

        Rows that run may grow to what was reserved for them, also beyond a lease that became smaller meanwhile. A
        worker that leaves or hangs takes nothing more.
        """
        if not self.placed:
            return 0
        if self.info is None:
            return self.estimate.total
        kv, kept = self.gauges.reserved, self.gauges.kept_beside
        if self.state == "ready":
            kv, kept = max(kv, self._bound.kv, self.lease.kv), max(kept, self._bound.kept, self.lease.kept)
        return self.share.fixed + (kv if self.share.cache == "grows" else 0) + kept

    @property
    def confirmed(self) -> bool:
        """The worker is within its newest lease, running rows aside."""
        return self.gauges.lease == self.lease.serial

    def begin_lease(self, most: int) -> None:
        """The lease to load with: what was reserved, no kept prefixes yet."""
        self.lease = self._bound = Lease(kv=self.estimate.kv, kept=0, most=most, serial=1)

    def let(self, lease: Lease) -> None:
        """Send a lease, unless it has this one already. What it is charged with falls once the worker has confirmed."""
        wanted = msgspec.structs.replace(lease, serial=self.lease.serial)
        if wanted == self.lease:
            return
        self._bound = Lease(max(self._bound.kv, self.lease.kv), max(self._bound.kept, self.lease.kept))
        self.lease = msgspec.structs.replace(wanted, serial=self.lease.serial + 1)
        self.send(SetLease(self.lease))


class ModelState(msgspec.Struct, frozen=True):
    """What is told about a resident model: its state, requests in flight, memory, and a sentence if it is unwell.

    `info` is None until it is loaded; `expires_at` is Unix time, None where it stays (see `keep_alive`). `reserved` is
    what the budget counts it with.
    """

    id: str
    state: State
    in_flight: int
    gauges: Gauges
    detail: str = ""
    info: ModelInfo | None = None
    expires_at: float | None = None
    reserved: int = 0
    pin: bool = False


def state_of(resident: Resident) -> ModelState:
    return ModelState(
        resident.entry.id,
        resident.state,
        resident.in_flight,
        resident.gauges,
        _detail(resident),
        resident.info,
        resident.expires_at,
        resident.charge,
        resident.entry.pin,
    )


def _detail(resident: Resident) -> str:
    if resident.state == "hung":
        return "The worker thread gives no sign of life; restart the server, or set placement: process."
    if resident.state == "loading" and not resident.placed:
        return "It waits for room."
    if resident.parting:
        return f"It leaves as soon as it is idle ({resident.parting})."
    if resident.in_flight and resident.keep_alive.seconds == 0 and not resident.entry.pin:
        return "It leaves as soon as it is idle."
    return ""
