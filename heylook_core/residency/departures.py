"""Models leave memory: to make room, because their time is up, because they are told to, or because they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from heylook_core.errors import EngineFailed, HeylookError, Unavailable
from heylook_core.residency.books import Books
from heylook_core.residency.resident import Resident, now
from heylook_core.residency_events import Decision
from heylook_core.settings import ModelEntry

log = logging.getLogger(__name__)

UNLOAD_GRACE = 10.0
# How long the end of a worker that does not answer is waited for at a time.
STUCK_SECONDS = 60.0


class Departures:
    """`changed` is called when memory has come back or someone has become unusable, `begin` loads an entry anew."""

    def __init__(self, books: Books, changed: Callable[[], None], begin: Callable[[ModelEntry], object]) -> None:
        self._books = books
        self._changed = changed
        self._begin = begin

    async def evict(self, resident: Resident, reason: str) -> None:
        await asyncio.shield(self.set_out(resident, "evicted", f"It was idle and left {reason}.", "evicted"))

    def part(self, resident: Resident) -> asyncio.Task[bool]:
        """An idle model leaves because its time is up, or because it was to leave."""
        if resident.parting:
            reason = f"It was {resident.parting} and became idle."
            return self.set_out(resident, "unloaded", reason, resident.parting)
        stay = resident.keep_alive.seconds
        return self.set_out(resident, "expired", f"It was idle for its keep_alive of {stay:g} s.", "expired")

    def set_out(self, resident: Resident, decision: Decision, reason: str, short: str) -> asyncio.Task[bool]:
        """Leave in a task of its own, so that nobody who gives up waiting can stop it half-way."""
        resident.state = "leaving"
        resident.leaving = asyncio.get_running_loop().create_task(self.leave(resident, decision, reason, short))
        return resident.leaving

    async def leave(
        self, resident: Resident, decision: Decision, reason: str, short: str, grace: float = UNLOAD_GRACE
    ) -> bool:
        """Unload; False if the worker could not be ended."""
        was_hung, resident.state = resident.state == "hung", "leaving"
        if resident.loading is not None and resident.channel is None:
            resident.loading.cancel()
        ended = await self.end(resident, 0.2 if was_hung else grace)
        resident.fail_runs(Unavailable("The model was unloaded."))
        if not ended and not self._books.closing:
            self.keep_stuck(resident)
            return False
        held, lived = resident.gauges.total, now() - resident.since
        self._books.tell(decision, resident, reason, nbytes=held if ended else 0, seconds=lived)
        self.forget(resident, short)
        if short == "changed" and resident.successor is not None and not self._books.closing:
            self._begin(resident.successor)
        return ended

    async def end(self, resident: Resident, grace: float) -> bool:
        return resident.channel is None or await resident.channel.stop(grace)

    def keep_stuck(self, resident: Resident) -> None:
        """A worker thread that does not end keeps its memory: it stays in the books until it does end."""
        self._books.tell("hung", resident, "Its worker does not end; its memory counts until it does.")
        resident.state = "hung"
        resident.leaving = asyncio.get_running_loop().create_task(self._bury(resident))
        self._changed()

    async def _bury(self, resident: Resident) -> bool:
        while not await self.end(resident, STUCK_SECONDS):
            log.warning("model %s: its worker still has not ended", resident.entry.id)
        self._books.tell("unloaded", resident, "Its worker has ended at last.", nbytes=resident.gauges.total)
        self.forget(resident, "hung")
        return True

    def forget(self, resident: Resident, short: str) -> None:
        """It is gone, for this reason in a word."""
        self._books.remove(resident, short)
        self._changed()

    def lost(self, resident: Resident, reason: str) -> None:
        """The worker died by itself: its requests fail, the next one loads it anew."""
        resident.fail_runs(_engine_lost(resident.entry.id, reason))
        if self._books.has(resident):
            lived = now() - resident.since
            self._books.tell(
                "lost", resident, f"{reason[0].upper()}{reason[1:]}.", nbytes=resident.gauges.total, seconds=lived
            )
            self.forget(resident, "failed")

    def hang(self, resident: Resident, limit: float) -> None:
        """A child is killed and forgotten; a thread cannot be, so its model stays unusable and health is red."""
        reason = f"its worker gave no sign of life for {limit:.0f} s"
        killed = resident.channel is not None and resident.channel.kill()
        lived = now() - resident.since
        freed = resident.gauges.total if killed else 0
        self._books.tell("hung", resident, f"I{reason[1:]}.", nbytes=freed, seconds=lived)
        resident.state = "hung"
        resident.fail_runs(_engine_lost(resident.entry.id, reason))
        if killed:
            self.forget(resident, "hung")


def _engine_lost(model_id: str, reason: str) -> HeylookError:
    return EngineFailed(f"Model {model_id!r} failed while it answered: {reason}.")
