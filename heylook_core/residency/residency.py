"""Which models are loaded: least recently used leaves first, never one that is at work. Event loop only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from heylook_core.errors import Unavailable
from heylook_core.keep_alive import Clock, KeepAlive
from heylook_core.memory import memory_budget
from heylook_core.plugins import Plugins
from heylook_core.quantities import seconds_of, size
from heylook_core.residency.books import Books
from heylook_core.residency.departures import Departures
from heylook_core.residency.failures import Failures
from heylook_core.residency.loads import ChannelOf, EstimateOf, Loads
from heylook_core.residency.resident import ModelState, Resident, now, state_of
from heylook_core.residency.room import Limits, Room
from heylook_core.settings import ModelEntry, Settings
from heylook_core.workers.protocol import Gauges, SetLease

log = logging.getLogger(__name__)

EXPIRY_SECONDS = 0.5


class Residency:
    """Loads on demand and makes room. `acquire` and `release` bracket every request.

    `estimate_of` says what a model will take before it is loaded, None where that is unknown.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins,
        channel_of: ChannelOf,
        estimate_of: EstimateOf,
        clock: Clock = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._books = Books(plugins)
        self._failures = Failures(clock)
        self._departures = Departures(self._books, self._make_way, self._begin)
        self._room = Room(self._books, self._departures.evict)
        self._loads = Loads(self._books, self._room, self._departures, channel_of, estimate_of, self._failures)
        self._limited: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.log = self._books.log

    # ------------------------------------------------------------------ requests

    async def acquire(self, entry: ModelEntry, keep_alive: float | None = None) -> Resident:
        """The loaded model, held against unloading until `release`. Loads it first if need be.

        `keep_alive` is how long it stays afterwards, in seconds: 0 unloads it at once, infinite keeps it, None
        leaves what the request before wanted, at first what the entry or the settings say. The last request decides.
        Raises LoadFailed with the cause, or Unavailable when there is no room within `load_timeout` seconds.
        """
        resident = await self._present(entry)
        resident.holds += 1
        resident.keep_alive.ask(keep_alive)
        try:
            if resident.loading is not None:
                await asyncio.shield(resident.loading)
        except BaseException:
            self.release(resident)
            raise
        resident.touch()
        return resident

    async def _present(self, entry: ModelEntry) -> Resident:
        """The resident of this entry, which may still be loading. Waits for one that is leaving, or is to yield."""
        self._check_open()
        while (resident := self._books.get(entry.id)) is not None and _closed(resident):
            await self._moved_on(resident)
            self._check_open()
        if resident is None:
            self._failures.check(entry)
            resident = self._begin(entry)
        if resident.state == "hung":
            raise Unavailable(f"Model {entry.id!r} hangs and cannot be used until the server is restarted.")
        return resident

    def _check_open(self) -> None:
        if self._books.closing:
            raise Unavailable("The server is stopping.", retry_after=5)

    async def _moved_on(self, resident: Resident) -> None:
        seconds = self._settings.server.load_timeout
        try:
            async with asyncio.timeout(seconds):
                while self._books.has(resident) and _closed(resident):
                    await self._room.change()
        except TimeoutError:
            message = f"Model {resident.entry.id!r} is to be unloaded and has not left memory within {seconds:.0f} s."
            raise Unavailable(message, retry_after=5) from None

    def release(self, resident: Resident) -> None:
        """One request is over."""
        resident.holds -= 1
        resident.touch()
        resident.keep_alive.restart()
        self._rest(resident)

    def _rest(self, resident: Resident) -> None:
        """It may have become idle: let it go if it was to leave then."""
        if resident.idle and (resident.parting or resident.due) and not self._books.closing:
            self._departures.part(resident)
        self._room.changed()

    # ------------------------------------------------------------------ the whole

    def start(self) -> None:
        """Begin to watch for workers that hang, models whose time is up, and requests that wait for memory."""
        self._look_for_limits()
        self._watch = asyncio.get_running_loop().create_task(self._watch_all())

    def states(self) -> list[ModelState]:
        return [state_of(found) for found in self._books.all()]

    async def refreshed(self, seconds: float = 0.5) -> list[ModelState]:
        """`states` with gauges of now; those of a worker in the middle of a long step are as old as its last turn."""
        ready = [found for found in self._books.all() if found.state == "ready"]
        asked = [asyncio.ensure_future(found.next_gauges()) for found in ready]
        for found in ready:
            found.send(SetLease(found.lease))
        if asked:
            _, late = await asyncio.wait(asked, timeout=seconds)
            for task in late:
                task.cancel()
        return self.states()

    def resident(self, model_id: str) -> Resident | None:
        return self._books.get(model_id)

    async def budget(self) -> tuple[int, int]:
        """Bytes that all models may take, and what they are counted with now."""
        await self._know_limits()
        return self._room.limits.budget, self._room.charged

    async def unload(self, model_id: str, reason: str = "It was asked to.") -> bool:
        """Unload a model that is idle; False if it is not loaded or at work."""
        resident = self._books.get(model_id)
        if resident is None or not resident.idle:
            return False
        await asyncio.shield(self._departures.set_out(resident, "unloaded", reason, "requested"))
        return True

    async def dismiss(self, model_id: str) -> str:
        """Unload a model now, or as soon as its last request has ended: "unloaded", "leaving" or "not loaded"."""
        resident = self._books.get(model_id)
        if resident is None:
            return "not loaded"
        if await self.unload(model_id):
            return "unloaded"
        resident.keep_alive.ask(0.0)
        if resident.entry.pin:
            resident.parting = "requested"
        return "leaving"

    def forgive(self, model_id: str) -> None:
        """Try a load that failed a moment ago again at the next request."""
        self._failures.forget(model_id)

    async def close(self, grace: float) -> bool:
        """Unload everything; False if a worker could not be ended (a thread that hangs or still loads)."""
        self._books.closing = True
        self._room.close()
        for task in (self._watch, self._limited):
            if task is not None:
                task.cancel()
        residents = self._books.all()
        leaving = (
            self._departures.leave(each, "unloaded", "The server stops.", "shutdown", grace) for each in residents
        )
        return all(await asyncio.gather(*leaving))

    # ------------------------------------------------------------------ other settings

    async def adopt(self, settings: Settings, entries: Mapping[str, ModelEntry]) -> list[str]:
        """Go on with other settings; the ids of the loaded models that changed or are gone.

        They leave as soon as they are idle; one that changed is loaded anew then.
        """
        residents = self._books.all()
        for resident in residents:
            self._judge(resident, entries.get(resident.entry.id), settings)
        self._settings, self._limited = settings, None
        await self._know_limits()
        for resident in residents:
            self._rest(resident)
        return [resident.entry.id for resident in residents if resident.parting]

    def _judge(self, resident: Resident, entry: ModelEntry | None, settings: Settings) -> None:
        """What other settings mean for a loaded model; `entry` is None where it is gone."""
        resident.successor, resident.parting = None, ""
        if entry is None:
            resident.parting = "removed"
        elif _loads_otherwise(entry, resident.entry):
            resident.parting, resident.successor = "changed", entry
        else:
            stay = stay_of(entry, settings)
            if stay != stay_of(resident.entry, self._settings):
                resident.keep_alive.seconds = stay
            resident.entry = entry

    async def _know_limits(self) -> None:
        await asyncio.shield(self._look_for_limits())

    def _look_for_limits(self) -> asyncio.Task[None]:
        """Find the budget, once; every waiter shares the search, which may ask a backend."""
        if self._limited is None:
            self._limited = asyncio.get_running_loop().create_task(self._find_limits(self._settings))
        return self._limited

    async def _find_limits(self, settings: Settings) -> None:
        budget = await memory_budget(settings, self._books.plugins)
        self._room.limits = Limits(
            settings.max_loaded_models, budget, settings.prefix_cache_bytes, settings.server.swap_patience
        )
        log.info("all loaded models together may take %s of memory", size(budget))
        self._make_way()

    # ------------------------------------------------------------------ loading

    def _begin(self, entry: ModelEntry) -> Resident:
        """Take the place in line at once, then load in a task that every waiter shares."""
        resident = Resident(entry, KeepAlive(stay_of(entry, self._settings), self._clock), self._on_gauges)
        self._books.add(resident)
        resident.loading = asyncio.get_running_loop().create_task(self._load(resident))
        resident.loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return resident

    async def _load(self, resident: Resident) -> None:
        try:
            await self._know_limits()
        except Exception:
            self._limited = None
            self._departures.forget(resident, "failed")
            raise
        await self._loads.load(resident, self._settings)
        self._rest(resident)

    def _on_gauges(self, resident: Resident, before: Gauges) -> None:
        evicted = resident.gauges.evicted - before.evicted
        if evicted > 0:
            self._books.plugins.notify("prefix_evicted", model_id=resident.entry.id, nbytes=evicted)
        if resident.state == "ready":
            self._loads.learn(resident)
            self._make_way()

    def _make_way(self) -> None:
        """Figures have changed: share out anew, and let those look who wait."""
        self._room.settle()
        self._room.changed()

    # ------------------------------------------------------------------ time

    async def _watch_all(self) -> None:
        limit = self._settings.server.hang_timeout
        while True:
            await asyncio.sleep(min(EXPIRY_SECONDS, limit / 4))
            try:
                self._expire()
                self._find_hangs(limit)
                self._room.deny(self._settings.server.load_timeout)
            except Exception:
                log.exception("the watch over loaded models failed")

    async def expire(self) -> None:
        """Unload the idle models whose time is up."""
        await asyncio.gather(*self._expire())

    def _expire(self) -> list[asyncio.Task[bool]]:
        return [self._departures.part(found) for found in self._books.all() if found.due]

    def _find_hangs(self, limit: float) -> None:
        moment = now()
        for found in self._books.all():
            if found.state == "ready" and found.runs and moment - max(found.heard_at, found.used_at) > limit:
                self._departures.hang(found, limit)


def _closed(resident: Resident) -> bool:
    """Requests wait until it is gone, or has been let off."""
    return resident.state == "leaving" or resident.yields


def stay_of(entry: ModelEntry, settings: Settings) -> float:
    """How many seconds an idle model stays where no request says it; infinite for ever."""
    given = entry.keep_alive if entry.keep_alive is not None else settings.keep_alive
    return seconds_of(-1.0 if given is None else given)


def _loads_otherwise(one: ModelEntry, other: ModelEntry) -> bool:
    """Whether it takes a new load to go from one entry to the other."""
    return (one.provider, one.config, one.placement) != (other.provider, other.config, other.placement)
