"""Models come into memory: estimated, given room, started, and remembered where that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from heylook_core.errors import HeylookError, LoadFailed, OutOfMemory, Unavailable
from heylook_core.provider import Estimate, ModelSpec
from heylook_core.residency.books import Books
from heylook_core.residency.departures import UNLOAD_GRACE, Departures
from heylook_core.residency.failures import Failures
from heylook_core.residency.resident import Resident, now
from heylook_core.residency.room import Room
from heylook_core.settings import ModelEntry, Settings
from heylook_core.workers.channel import Channel
from heylook_core.workers.protocol import Ready, Turn

log = logging.getLogger(__name__)

ChannelOf = Callable[[ModelEntry, Callable[[Turn], None], Callable[[str], None]], Channel]
EstimateOf = Callable[[ModelEntry], Awaitable[Estimate | None]]


class Loads:
    """One task for each load. `estimate_of` says what a model will take, `channel_of` makes its worker."""

    def __init__(
        self,
        books: Books,
        room: Room,
        departures: Departures,
        channel_of: ChannelOf,
        estimate_of: EstimateOf,
        failures: Failures,
    ) -> None:
        self._books = books
        self._room = room
        self._departures = departures
        self.channel_of = channel_of
        self._estimate_of = estimate_of
        self._failures = failures
        self._held: dict[str, tuple[ModelEntry, int]] = {}

    def learn(self, resident: Resident) -> None:
        """What a loaded model holds counts for its next load."""
        self._held[resident.entry.id] = (resident.entry, resident.share.least)

    async def load(self, resident: Resident, settings: Settings) -> None:
        """Until the model is ready. Raises LoadFailed with the cause, or Unavailable where there is no room."""
        entry, began = resident.entry, now()
        try:
            await self._place(resident, settings)
            waited = now() - began
        except asyncio.CancelledError:
            self._departures.forget(resident, "requested")
            raise
        except Exception as error:
            refusal = _as_unavailable(entry, error)
            self._books.tell("refused", resident, refusal.message, nbytes=resident.estimate.total)
            self._departures.forget(resident, "failed")
            raise refusal from error
        self._books.plugins.notify("model_loading", entry=entry)
        self._books.tell("loading", resident, "It was asked for.", nbytes=resident.charge, seconds=waited)
        try:
            ready = await self._started(resident, settings)
        except Exception as error:
            raise await self._failed(resident, error, settings.server.load_backoff) from error
        self._loaded(resident, ready)

    async def _place(self, resident: Resident, settings: Settings) -> None:
        resident.estimate = await self._estimate(resident.entry)
        await self._room.place(resident, settings.server.load_timeout)

    async def _estimate(self, entry: ModelEntry) -> Estimate:
        """What it will take: what it held when it was last loaded, if that is more than its files tell."""
        found = await self._estimate_of(entry) or Estimate(weights=0)
        known, held = self._held.get(entry.id, (entry, 0))
        if known != entry or held <= found.total:
            return found
        return msgspec.structs.replace(found, weights=found.weights + held - found.total)

    async def _started(self, resident: Resident, settings: Settings) -> Ready:
        """Start the worker; where memory runs out, once more after another model has left."""
        try:
            return await self._start(resident, settings)
        except OutOfMemory:
            await self._departures.end(resident, UNLOAD_GRACE)
            if not await self._room.evict_for(resident):
                raise
        return await self._start(resident, settings)

    async def _start(self, resident: Resident, settings: Settings) -> Ready:
        entry, seconds = resident.entry, settings.server.load_timeout
        resident.begin_lease(self._room.limits.budget)
        resident.channel = self.channel_of(
            entry, resident.on_turn, lambda reason: self._departures.lost(resident, reason)
        )
        spec = ModelSpec(id=entry.id, provider=entry.provider, config=entry.config)
        try:
            async with asyncio.timeout(seconds):
                ready = await resident.channel.start(spec, resident.lease, settings.prefix_tier)
        except TimeoutError:
            raise LoadFailed(f"the load did not end within {seconds:.0f} s (server.load_timeout).") from None
        if resident.state != "loading":
            raise LoadFailed("it was unloaded meanwhile.")
        return ready

    async def _failed(self, resident: Resident, error: Exception, backoff: float) -> LoadFailed:
        """Give everything back and remember the failure; the error for whoever waits."""
        entry = resident.entry
        if not isinstance(error, HeylookError):
            log.error("loading %s failed", entry.id, exc_info=error)
        cause = error.message if isinstance(error, HeylookError) else f"{type(error).__name__}: {error}"
        kind = OutOfMemory if isinstance(error, OutOfMemory) else LoadFailed
        failure = kind(f"Model {entry.id!r} could not be loaded: {cause.rstrip('.')}.")
        ended = await self._departures.end(resident, UNLOAD_GRACE)
        self._failures.add(entry, failure, backoff)
        self._books.tell("failed", resident, failure.message, nbytes=resident.charge if ended else 0, seconds=backoff)
        if ended:
            self._departures.forget(resident, "failed")
        else:
            self._departures.keep_stuck(resident)
        return failure

    def _loaded(self, resident: Resident, ready: Ready) -> None:
        entry = resident.entry
        resident.info, resident.state, resident.loading = ready.info, "ready", None
        resident.heard_at = resident.used_at = resident.since = now()
        resident.keep_alive.restart()
        self._failures.forget(entry.id)
        resident.take_gauges(ready.gauges)
        self._books.tell("loaded", resident, "Its worker is ready.", nbytes=ready.gauges.total, seconds=ready.seconds)
        self._books.plugins.notify("model_loaded", entry=entry, info=ready.info, seconds=ready.seconds)


def _as_unavailable(entry: ModelEntry, error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    log.error("finding room for %s failed", entry.id, exc_info=error)
    return Unavailable(f"Model {entry.id!r} could not be given room ({type(error).__name__}: {error}).")
