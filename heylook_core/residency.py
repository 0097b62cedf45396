"""Which models are loaded: least recently used leaves first, never one that is at work. Event loop only."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from heylook_core.errors import EngineFailed, HeylookError, LoadFailed, Unavailable
from heylook_core.keep_alive import Clock, KeepAlive
from heylook_core.plugins import Plugins
from heylook_core.provider import ModelInfo, ModelSpec
from heylook_core.running import Run
from heylook_core.settings import ModelEntry, Settings
from heylook_core.workers.channel import Channel
from heylook_core.workers.protocol import Gauges, Lease, SetLease, ToWorker, Turn

log = logging.getLogger(__name__)

State = Literal["loading", "ready", "leaving", "hung"]
UNLOAD_GRACE = 10.0
EXPIRY_SECONDS = 0.5


class Resident:
    """One model in memory (or on its way in or out) and the requests that run on it."""

    def __init__(self, entry: ModelEntry, keep_alive: KeepAlive, on_evicted: Callable[[int], None]) -> None:
        self.entry = entry
        self._on_evicted = on_evicted
        self._gauged = asyncio.Event()
        self.keep_alive = keep_alive
        self.state: State = "loading"
        self.channel: Channel | None = None
        self.info: ModelInfo | None = None
        self.runs: dict[int, Run] = {}
        self.holds = 0
        self.gauges = Gauges()
        self.used_at = time.monotonic()
        self.heard_at = time.monotonic()
        self.loading: asyncio.Task[None] | None = None
        self.leaving: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        return max(self.holds, len(self.runs))

    @property
    def expires_at(self) -> float | None:
        """Unix time at which it leaves if nothing happens; None for never, as for a pinned model."""
        return None if self.entry.pin else self.keep_alive.expires_at

    @property
    def due(self) -> bool:
        """Idle, and its time is up."""
        return self.state == "ready" and not self.in_flight and not self.entry.pin and self.keep_alive.expired

    def on_turn(self, turn: Turn) -> None:
        self.heard_at = time.monotonic()
        if turn.gauges is not None:
            if turn.gauges.evicted > self.gauges.evicted:
                self._on_evicted(turn.gauges.evicted - self.gauges.evicted)
            self.gauges = turn.gauges
            self._gauged.set()
        for rid, events in turn.items:
            run = self.runs.get(rid)
            if run is not None:
                run.deliver(events)

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


class ModelState(msgspec.Struct, frozen=True):
    """What is told about a resident model: its state, requests in flight, memory, and a sentence if it is unwell.

    `info` is None until it is loaded; `expires_at` is Unix time, None where it stays (see `keep_alive`).
    """

    id: str
    state: State
    in_flight: int
    gauges: Gauges
    detail: str = ""
    info: ModelInfo | None = None
    expires_at: float | None = None


ChannelOf = Callable[[ModelEntry, Callable[[Turn], None], Callable[[str], None]], Channel]


class Residency:
    """Loads on demand and makes room. `acquire` and `release` bracket every request."""

    def __init__(self, settings: Settings, plugins: Plugins, channel_of: ChannelOf, clock: Clock = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._plugins = plugins
        self._channel_of = channel_of
        self._residents: dict[str, Resident] = {}
        self._changed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._expiry: asyncio.Task[None] | None = None
        self._closing = False

    # ------------------------------------------------------------------ requests

    async def acquire(self, entry: ModelEntry, keep_alive: float | None = None) -> Resident:
        """The loaded model, held against unloading until `release`. Loads it first if need be.

        `keep_alive` is how long it stays afterwards, in seconds: 0 unloads it at once, infinite keeps it, None
        leaves what the request before wanted, at first `settings.keep_alive`. The last request decides.
        Raises LoadFailed with the cause, or Unavailable when there is no room within `load_timeout` seconds.
        """
        if self._closing:
            raise Unavailable("The server is stopping.", retry_after=5)
        resident = self._residents.get(entry.id)
        while resident is not None and resident.state == "leaving":
            await self._change(self._settings.server.load_timeout, entry)
            resident = self._residents.get(entry.id)
        if resident is None:
            resident = self._begin(entry)
        if resident.state == "hung":
            raise Unavailable(f"Model {entry.id!r} hangs and cannot be used until the server is restarted.")
        resident.holds += 1
        resident.keep_alive.ask(keep_alive)
        try:
            if resident.loading is not None:
                await asyncio.shield(resident.loading)
        except BaseException:
            self.release(resident)
            raise
        resident.used_at = time.monotonic()
        return resident

    def release(self, resident: Resident) -> None:
        """One request is over."""
        resident.holds -= 1
        self._rest(resident)

    def _rest(self, resident: Resident) -> None:
        resident.used_at = time.monotonic()
        resident.keep_alive.restart()
        if resident.due:
            resident.leaving = asyncio.get_running_loop().create_task(self._expire_one(resident))
        self._tell()

    # ------------------------------------------------------------------ the whole

    def start(self) -> None:
        """Begin to watch for workers that hang, and for models whose time is up."""
        loop = asyncio.get_running_loop()
        self._watch = loop.create_task(self._watch_for_hangs())
        self._expiry = loop.create_task(self._watch_for_expiry())

    def states(self) -> list[ModelState]:
        return [
            ModelState(id_, found.state, found.in_flight, found.gauges, _detail(found), found.info, found.expires_at)
            for id_, found in self._residents.items()
        ]

    async def refreshed(self, seconds: float = 0.5) -> list[ModelState]:
        """`states` with gauges of now; those of a worker in the middle of a long step are as old as its last turn."""
        ready = [found for found in self._residents.values() if found.state == "ready"]
        asked = [asyncio.ensure_future(found.next_gauges()) for found in ready]
        for found in ready:
            found.send(SetLease(self._lease))
        if asked:
            _, late = await asyncio.wait(asked, timeout=seconds)
            for task in late:
                task.cancel()
        return self.states()

    @property
    def _lease(self) -> Lease:
        return Lease(kept=self._settings.prefix_cache_bytes)

    def resident(self, model_id: str) -> Resident | None:
        return self._residents.get(model_id)

    async def unload(self, model_id: str, reason: str = "requested") -> bool:
        """Unload a model that is idle; False if it is not loaded or at work."""
        resident = self._residents.get(model_id)
        if resident is None or resident.state != "ready" or resident.in_flight:
            return False
        await self._leave(resident, reason, UNLOAD_GRACE)
        return True

    async def dismiss(self, model_id: str) -> None:
        """Unload a model now, or as soon as its last request has ended. Nothing happens if it is not loaded."""
        resident = self._residents.get(model_id)
        if resident is not None and not await self.unload(model_id):
            resident.keep_alive.ask(0.0)

    async def close(self, grace: float) -> bool:
        """Unload everything; False if a worker could not be ended (a thread that hangs or still loads)."""
        self._closing = True
        for watch in (self._watch, self._expiry):
            if watch is not None:
                watch.cancel()
        residents = list(self._residents.values())
        ended = await asyncio.gather(*(self._leave(resident, "shutdown", grace) for resident in residents))
        return all(ended)

    # ------------------------------------------------------------------ loading

    def _begin(self, entry: ModelEntry) -> Resident:
        """Reserve the place at once, then load in a task that every waiter shares."""
        keep_alive = KeepAlive(self._settings.keep_alive, self._clock)
        resident = self._residents[entry.id] = Resident(
            entry,
            keep_alive,
            lambda nbytes: self._plugins.notify("prefix_evicted", model_id=entry.id, nbytes=nbytes),
        )
        resident.loading = asyncio.get_running_loop().create_task(self._load(resident))
        resident.loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return resident

    async def _load(self, resident: Resident) -> None:
        entry = resident.entry
        try:
            await self._make_room(resident)
            self._plugins.notify("model_loading", entry=entry)
            resident.channel = self._channel_of(entry, resident.on_turn, lambda reason: self._lost(resident, reason))
            spec = ModelSpec(id=entry.id, provider=entry.provider, config=entry.config)
            ready = await resident.channel.start(spec, self._lease, self._settings.prefix_tier)
        except HeylookError as error:
            self._forget(resident, "failed")
            raise LoadFailed(f"Model {entry.id!r} could not be loaded: {error.message}") from error
        except asyncio.CancelledError:
            self._residents.pop(entry.id, None)
            self._tell()
            raise
        resident.info, resident.state, resident.loading = ready.info, "ready", None
        resident.heard_at = resident.used_at = time.monotonic()
        resident.keep_alive.restart()
        self._tell()
        log.info("model %s is loaded (%.1f s)", entry.id, ready.seconds)
        self._plugins.notify("model_loaded", entry=entry, info=ready.info, seconds=ready.seconds)

    async def _make_room(self, newcomer: Resident) -> None:
        """Unload idle models, least recently used first, until the newcomer fits beside those that came before it."""
        while len(ahead := self._ahead_of(newcomer)) >= self._settings.max_loaded_models:
            idle = [found for found in ahead if found.state == "ready" and not found.in_flight and not found.entry.pin]
            if idle:
                await self._leave(min(idle, key=lambda found: found.used_at), "evicted", UNLOAD_GRACE)
            elif all(found.entry.pin for found in ahead):
                raise Unavailable("every loaded model is pinned; raise max_loaded_models or unpin one.")
            else:
                await self._change(self._settings.server.load_timeout, newcomer.entry)

    def _ahead_of(self, newcomer: Resident) -> list[Resident]:
        """Those with a place before this one. First come, first placed: no two wait for each other."""
        return list(itertools.takewhile(lambda found: found is not newcomer, self._residents.values()))

    async def _change(self, seconds: float, entry: ModelEntry) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            limit = self._settings.max_loaded_models
            message = f"No room for model {entry.id!r} within {seconds:.0f} s: all {limit} loaded models are at work."
            raise Unavailable(message, retry_after=5) from None

    # ------------------------------------------------------------------ leaving

    async def _leave(self, resident: Resident, reason: str, grace: float) -> bool:
        was_hung = resident.state == "hung"
        resident.state = "leaving"
        if resident.loading is not None and resident.channel is None:
            resident.loading.cancel()
        ended = True
        if resident.channel is not None:
            ended = await resident.channel.stop(0.2 if was_hung else grace)
        resident.fail_runs(Unavailable("The model was unloaded."))
        self._forget(resident, reason)
        return ended

    def _forget(self, resident: Resident, reason: str) -> None:
        if self._residents.get(resident.entry.id) is resident:
            del self._residents[resident.entry.id]
            log.info("model %s has left memory (%s)", resident.entry.id, reason)
            self._plugins.notify("model_unloaded", model_id=resident.entry.id, reason=reason)
        self._tell()

    def _lost(self, resident: Resident, reason: str) -> None:
        """The worker died by itself: its requests fail, the next one loads it anew."""
        log.error("model %s: %s", resident.entry.id, reason)
        resident.fail_runs(_engine_lost(resident.entry.id, reason))
        self._forget(resident, "failed")

    def _tell(self) -> None:
        self._changed.set()

    # ------------------------------------------------------------------ idle

    async def _watch_for_expiry(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            await self.expire()

    async def expire(self) -> None:
        """Unload the idle models whose time is up."""
        for resident in list(self._residents.values()):
            await self._expire_one(resident)

    async def _expire_one(self, resident: Resident) -> None:
        if resident.due:
            await self._leave(resident, "expired", UNLOAD_GRACE)

    # ------------------------------------------------------------------ hangs

    async def _watch_for_hangs(self) -> None:
        limit = self._settings.server.hang_timeout
        while True:
            await asyncio.sleep(min(1.0, limit / 4))
            now = time.monotonic()
            for resident in list(self._residents.values()):
                if (
                    resident.state == "ready"
                    and resident.runs
                    and now - max(resident.heard_at, resident.used_at) > limit
                ):
                    self._hang(resident, limit)

    def _hang(self, resident: Resident, limit: float) -> None:
        """A child is killed and forgotten; a thread cannot be, so its model stays unusable and health is red."""
        reason = f"its worker gave no sign of life for {limit:.0f} s"
        log.error("model %s: %s", resident.entry.id, reason)
        resident.state = "hung"
        killed = resident.channel is not None and resident.channel.kill()
        resident.fail_runs(_engine_lost(resident.entry.id, reason))
        if killed:
            self._forget(resident, "hung")


def _engine_lost(model_id: str, reason: str) -> HeylookError:
    return EngineFailed(f"Model {model_id!r} failed while it answered: {reason}.")


def _detail(resident: Resident) -> str:
    if resident.state == "hung":
        return "The worker thread gives no sign of life; restart the server, or set placement: process."
    return ""
