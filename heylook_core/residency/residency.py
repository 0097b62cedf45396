"""Which models are loaded: least recently used leaves first, never one that is at work. Event loop only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from heylook_core.errors import EngineFailed, HeylookError, LoadFailed, OutOfMemory, Unavailable
from heylook_core.keep_alive import Clock, KeepAlive
from heylook_core.memory import memory_budget
from heylook_core.plugins import Plugins
from heylook_core.provider import Estimate, ModelSpec
from heylook_core.quantities import seconds_of, size
from heylook_core.residency.failures import Failures
from heylook_core.residency.resident import ModelState, Resident, now, state_of
from heylook_core.residency.room import Limits, Room
from heylook_core.residency_events import Decision, ResidencyEvent, ResidencyLog
from heylook_core.settings import ModelEntry, Settings
from heylook_core.workers.channel import Channel
from heylook_core.workers.protocol import Gauges, Ready, SetLease, Turn

log = logging.getLogger(__name__)

UNLOAD_GRACE = 10.0
EXPIRY_SECONDS = 0.5
# How long the end of a worker that does not answer is waited for at a time.
STUCK_SECONDS = 60.0

ChannelOf = Callable[[ModelEntry, Callable[[Turn], None], Callable[[str], None]], Channel]
EstimateOf = Callable[[ModelEntry], Awaitable[Estimate | None]]

_LEVELS = {"failed": logging.ERROR, "lost": logging.ERROR, "hung": logging.ERROR, "refused": logging.WARNING}


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
        self._plugins = plugins
        self._channel_of = channel_of
        self._estimate_of = estimate_of
        self._residents: dict[str, Resident] = {}
        self._held: dict[str, tuple[ModelEntry, int]] = {}
        self._failures = Failures(clock)
        self._room = Room(lambda: list(self._residents.values()), self._evict, self._tell)
        self._limited: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing = False
        self.log = ResidencyLog()

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
        """The resident of this entry, which may still be loading. Waits for one that is just leaving."""
        self._check_open()
        resident = self._residents.get(entry.id)
        if resident is not None and resident.state == "leaving":
            await self._gone(resident)
            self._check_open()
            resident = self._residents.get(entry.id)
        if resident is None:
            self._failures.check(entry)
            resident = self._begin(entry)
        if resident.state == "hung":
            raise Unavailable(f"Model {entry.id!r} hangs and cannot be used until the server is restarted.")
        return resident

    def _check_open(self) -> None:
        if self._closing:
            raise Unavailable("The server is stopping.", retry_after=5)

    async def _gone(self, resident: Resident) -> None:
        seconds = self._settings.server.load_timeout
        try:
            async with asyncio.timeout(seconds):
                while self._residents.get(resident.entry.id) is resident and resident.state == "leaving":
                    await self._room.change()
        except TimeoutError:
            message = f"Model {resident.entry.id!r} is being unloaded and has not left memory within {seconds:.0f} s."
            raise Unavailable(message, retry_after=5) from None

    def release(self, resident: Resident) -> None:
        """One request is over."""
        resident.holds -= 1
        resident.touch()
        resident.keep_alive.restart()
        self._rest(resident)

    def _rest(self, resident: Resident) -> None:
        """It may have become idle: let it go if it was to leave then."""
        if resident.idle and (resident.parting or resident.due) and not self._closing:
            self._part(resident)
        self._room.changed()

    # ------------------------------------------------------------------ the whole

    def start(self) -> None:
        """Begin to watch for workers that hang, models whose time is up, and requests that wait for memory."""
        self._watch = asyncio.get_running_loop().create_task(self._watch_all())

    def states(self) -> list[ModelState]:
        return [state_of(found) for found in self._residents.values()]

    async def refreshed(self, seconds: float = 0.5) -> list[ModelState]:
        """`states` with gauges of now; those of a worker in the middle of a long step are as old as its last turn."""
        ready = [found for found in self._residents.values() if found.state == "ready"]
        asked = [asyncio.ensure_future(found.next_gauges()) for found in ready]
        for found in ready:
            found.send(SetLease(found.lease))
        if asked:
            _, late = await asyncio.wait(asked, timeout=seconds)
            for task in late:
                task.cancel()
        return self.states()

    def resident(self, model_id: str) -> Resident | None:
        return self._residents.get(model_id)

    async def budget(self) -> tuple[int, int]:
        """Bytes that all models may take, and what they are counted with now."""
        await self._know_limits()
        return self._room.limits.budget, self._room.charged

    async def unload(self, model_id: str, reason: str = "It was asked to.") -> bool:
        """Unload a model that is idle; False if it is not loaded or at work."""
        resident = self._residents.get(model_id)
        if resident is None or not resident.idle:
            return False
        await self._leave(resident, "unloaded", reason, "requested")
        return True

    async def dismiss(self, model_id: str) -> str:
        """Unload a model now, or as soon as its last request has ended: "unloaded", "leaving" or "not loaded"."""
        resident = self._residents.get(model_id)
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
        self._closing = True
        self._room.close()
        for task in (self._watch, self._limited):
            if task is not None:
                task.cancel()
        residents = list(self._residents.values())
        leaving = (self._leave(each, "unloaded", "The server stops.", "shutdown", grace) for each in residents)
        return all(await asyncio.gather(*leaving))

    # ------------------------------------------------------------------ other settings

    async def adopt(self, settings: Settings, entries: Mapping[str, ModelEntry]) -> list[str]:
        """Go on with other settings; the ids of the loaded models that changed or are gone.

        They leave as soon as they are idle; one that changed is loaded anew then.
        """
        residents = list(self._residents.values())
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
        """Find the budget, once; every waiter shares the search, which may ask a backend."""
        if self._limited is None:
            self._limited = asyncio.get_running_loop().create_task(self._find_limits(self._settings))
        await asyncio.shield(self._limited)

    async def _find_limits(self, settings: Settings) -> None:
        budget = await memory_budget(settings, self._plugins)
        self._room.limits = Limits(settings.max_loaded_models, budget, settings.prefix_cache_bytes)
        log.info("all loaded models together may take %s of memory", size(budget))
        self._room.settle()
        self._room.changed()

    # ------------------------------------------------------------------ loading

    def _begin(self, entry: ModelEntry) -> Resident:
        """Take the place in line at once, then load in a task that every waiter shares."""
        resident = Resident(entry, KeepAlive(stay_of(entry, self._settings), self._clock), self._on_gauges)
        self._residents[entry.id] = resident
        resident.loading = asyncio.get_running_loop().create_task(self._load(resident))
        resident.loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return resident

    async def _load(self, resident: Resident) -> None:
        entry, began = resident.entry, now()
        try:
            await self._place(resident)
            waited = now() - began
        except asyncio.CancelledError:
            self._forget(resident, "requested")
            raise
        except Exception as error:
            refusal = _as_unavailable(entry, error)
            self._tell("refused", resident, refusal.message, nbytes=resident.estimate.total)
            self._forget(resident, "failed")
            raise refusal from error
        self._plugins.notify("model_loading", entry=entry)
        self._tell("loading", resident, "It was asked for.", nbytes=resident.charge, seconds=waited)
        try:
            ready = await self._started(resident)
        except Exception as error:
            raise await self._failed(resident, error) from error
        self._loaded(resident, ready)

    async def _place(self, resident: Resident) -> None:
        await self._know_limits()
        resident.estimate = await self._estimate(resident.entry)
        await self._room.place(resident, self._settings.server.load_timeout)

    async def _estimate(self, entry: ModelEntry) -> Estimate:
        """What it will take: what it held when it was last loaded, if that is more than its files tell."""
        found = await self._estimate_of(entry) or Estimate(weights=0)
        known, held = self._held.get(entry.id, (entry, 0))
        if known != entry or held <= found.total:
            return found
        return msgspec.structs.replace(found, weights=found.weights + held - found.total)

    async def _started(self, resident: Resident) -> Ready:
        """Start the worker; where memory runs out, once more after another model has left."""
        try:
            return await self._start(resident)
        except OutOfMemory:
            await self._end(resident, UNLOAD_GRACE)
            if not await self._room.evict_for(resident):
                raise
        return await self._start(resident)

    async def _start(self, resident: Resident) -> Ready:
        entry, seconds = resident.entry, self._settings.server.load_timeout
        resident.begin_lease(self._room.limits.budget)
        resident.channel = self._channel_of(entry, resident.on_turn, lambda reason: self._lost(resident, reason))
        spec = ModelSpec(id=entry.id, provider=entry.provider, config=entry.config)
        try:
            async with asyncio.timeout(seconds):
                ready = await resident.channel.start(spec, resident.lease, self._settings.prefix_tier)
        except TimeoutError:
            raise LoadFailed(f"the load did not end within {seconds:.0f} s (server.load_timeout).") from None
        if resident.state != "loading":
            raise LoadFailed("it was unloaded meanwhile.")
        return ready

    async def _failed(self, resident: Resident, error: Exception) -> LoadFailed:
        """Give everything back and remember the failure; the error for whoever waits."""
        entry, backoff = resident.entry, self._settings.server.load_backoff
        if not isinstance(error, HeylookError):
            log.error("loading %s failed", entry.id, exc_info=error)
        cause = error.message if isinstance(error, HeylookError) else f"{type(error).__name__}: {error}"
        kind = OutOfMemory if isinstance(error, OutOfMemory) else LoadFailed
        failure = kind(f"Model {entry.id!r} could not be loaded: {cause.rstrip('.')}.")
        ended = await self._end(resident, UNLOAD_GRACE)
        self._failures.add(entry, failure, backoff)
        self._tell("failed", resident, failure.message, nbytes=resident.charge if ended else 0, seconds=backoff)
        if ended:
            self._forget(resident, "failed")
        else:
            self._stuck(resident)
        return failure

    def _loaded(self, resident: Resident, ready: Ready) -> None:
        entry = resident.entry
        resident.info, resident.state, resident.loading = ready.info, "ready", None
        resident.heard_at = resident.used_at = resident.since = now()
        resident.keep_alive.restart()
        self._failures.forget(entry.id)
        resident.take_gauges(ready.gauges)
        self._tell("loaded", resident, "Its worker is ready.", nbytes=ready.gauges.total, seconds=ready.seconds)
        self._plugins.notify("model_loaded", entry=entry, info=ready.info, seconds=ready.seconds)
        self._rest(resident)

    def _on_gauges(self, resident: Resident, before: Gauges) -> None:
        evicted = resident.gauges.evicted - before.evicted
        if evicted > 0:
            self._plugins.notify("prefix_evicted", model_id=resident.entry.id, nbytes=evicted)
        if resident.state == "ready":
            self._held[resident.entry.id] = (resident.entry, resident.share.least)
            self._room.settle()
            self._room.changed()

    # ------------------------------------------------------------------ leaving

    async def _evict(self, resident: Resident, reason: str) -> None:
        await asyncio.shield(self._set_out(resident, "evicted", f"It was idle and left {reason}.", "evicted"))

    def _part(self, resident: Resident) -> asyncio.Task[bool]:
        """An idle model leaves because its time is up, or because it was to leave."""
        if resident.parting:
            reason = f"It was {resident.parting} and became idle."
            return self._set_out(resident, "unloaded", reason, resident.parting)
        stay = resident.keep_alive.seconds
        return self._set_out(resident, "expired", f"It was idle for its keep_alive of {stay:g} s.", "expired")

    def _set_out(self, resident: Resident, decision: Decision, reason: str, short: str) -> asyncio.Task[bool]:
        """Leave in a task of its own, so that nobody who gives up waiting can stop it half-way."""
        resident.state = "leaving"
        resident.leaving = asyncio.get_running_loop().create_task(self._leave(resident, decision, reason, short))
        return resident.leaving

    async def _leave(
        self, resident: Resident, decision: Decision, reason: str, short: str, grace: float = UNLOAD_GRACE
    ) -> bool:
        """Unload; False if the worker could not be ended."""
        was_hung, resident.state = resident.state == "hung", "leaving"
        if resident.loading is not None and resident.channel is None:
            resident.loading.cancel()
        ended = await self._end(resident, 0.2 if was_hung else grace)
        resident.fail_runs(Unavailable("The model was unloaded."))
        if not ended and not self._closing:
            self._stuck(resident)
            return False
        held, lived = resident.gauges.total, now() - resident.since
        self._tell(decision, resident, reason, nbytes=held if ended else 0, seconds=lived)
        self._forget(resident, short)
        if short == "changed" and resident.successor is not None and not self._closing:
            self._begin(resident.successor)
        return ended

    async def _end(self, resident: Resident, grace: float) -> bool:
        return resident.channel is None or await resident.channel.stop(grace)

    def _stuck(self, resident: Resident) -> None:
        """A worker thread that does not end keeps its memory: it stays in the books until it does end."""
        self._tell("hung", resident, "Its worker does not end; its memory counts until it does.")
        resident.state = "hung"
        resident.leaving = asyncio.get_running_loop().create_task(self._bury(resident))
        self._room.changed()

    async def _bury(self, resident: Resident) -> bool:
        while not await self._end(resident, STUCK_SECONDS):
            log.warning("model %s: its worker still has not ended", resident.entry.id)
        self._tell("unloaded", resident, "Its worker has ended at last.", nbytes=resident.gauges.total)
        self._forget(resident, "hung")
        return True

    def _forget(self, resident: Resident, short: str) -> None:
        if self._residents.get(resident.entry.id) is resident:
            del self._residents[resident.entry.id]
            self._plugins.notify("model_unloaded", model_id=resident.entry.id, reason=short)
        self._room.settle()
        self._room.changed()

    def _lost(self, resident: Resident, reason: str) -> None:
        """The worker died by itself: its requests fail, the next one loads it anew."""
        resident.fail_runs(_engine_lost(resident.entry.id, reason))
        if self._residents.get(resident.entry.id) is resident:
            lived = now() - resident.since
            self._tell(
                "lost", resident, f"{reason[0].upper()}{reason[1:]}.", nbytes=resident.gauges.total, seconds=lived
            )
            self._forget(resident, "failed")

    def _tell(
        self, decision: Decision, resident: Resident, reason: str, *, nbytes: int = 0, seconds: float = 0.0
    ) -> None:
        """A decision with its reason: to the log, to the list of events, to every plugin."""
        model = resident.entry.id
        event = ResidencyEvent(
            at=time.time(), decision=decision, model=model, reason=reason, bytes=nbytes, seconds=seconds
        )
        figures = f" ({size(nbytes)}, {seconds:.1f} s)" if nbytes else ""
        log.log(_LEVELS.get(decision, logging.INFO), "model %s is %s: %s%s", model, decision, reason, figures)
        self.log.add(event)
        self._plugins.notify("residency_event", event=event)

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
        return [self._part(found) for found in list(self._residents.values()) if found.due]

    def _find_hangs(self, limit: float) -> None:
        moment = now()
        for found in list(self._residents.values()):
            if found.state == "ready" and found.runs and moment - max(found.heard_at, found.used_at) > limit:
                self._hang(found, limit)

    def _hang(self, resident: Resident, limit: float) -> None:
        """A child is killed and forgotten; a thread cannot be, so its model stays unusable and health is red."""
        reason = f"its worker gave no sign of life for {limit:.0f} s"
        killed = resident.channel is not None and resident.channel.kill()
        lived = now() - resident.since
        freed = resident.gauges.total if killed else 0
        self._tell("hung", resident, f"I{reason[1:]}.", nbytes=freed, seconds=lived)
        resident.state = "hung"
        resident.fail_runs(_engine_lost(resident.entry.id, reason))
        if killed:
            self._forget(resident, "hung")


def stay_of(entry: ModelEntry, settings: Settings) -> float:
    """How many seconds an idle model stays where no request says it; infinite for ever."""
    given = entry.keep_alive if entry.keep_alive is not None else settings.keep_alive
    return seconds_of(-1.0 if given is None else given)


def _loads_otherwise(one: ModelEntry, other: ModelEntry) -> bool:
    """Whether it takes a new load to go from one entry to the other."""
    return (one.provider, one.config, one.placement) != (other.provider, other.config, other.placement)


def _as_unavailable(entry: ModelEntry, error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    log.error("finding room for %s failed", entry.id, exc_info=error)
    return Unavailable(f"Model {entry.id!r} could not be given room ({type(error).__name__}: {error}).")


def _engine_lost(model_id: str, reason: str) -> HeylookError:
    return EngineFailed(f"Model {model_id!r} failed while it answered: {reason}.")
