"""Room for models: reserves memory before a load, shrinks kept prefixes, then evicts. Event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec

from heylook_core.errors import OutOfMemory, Unavailable
from heylook_core.quantities import size
from heylook_core.residency.books import Books
from heylook_core.residency.patience import Patience
from heylook_core.residency.resident import Resident, now
from heylook_core.residency.shares import Goal, goals
from heylook_core.workers.protocol import Lease

# Workers confirm a smaller lease between two steps; one that takes longer is not waited for if another can be evicted.
CONFIRM_SECONDS = 2.0


class Limits(msgspec.Struct, frozen=True):
    """`models` that may be loaded at once, `budget` bytes for all of them, `kept` bytes of prefixes for each.

    `patience` is how many seconds a newcomer waits for busy models before one of them makes way (see `Patience`).
    """

    models: int
    budget: int
    kept: int
    patience: float = 10.0


class Room:
    """Who may be loaded. One newcomer is placed at a time, first come, first placed: no two wait for each other.

    `evict` unloads an idle resident for a reason and returns when its memory is back.
    """

    def __init__(self, books: Books, evict: Callable[[Resident, str], Awaitable[None]]) -> None:
        self.limits = Limits(models=1, budget=0, kept=0)
        self._books = books
        self._evict = evict
        self._door = asyncio.Lock()
        self._changed = asyncio.Event()
        self._newcomer: Resident | None = None
        self._easing: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ figures

    def others(self, newcomer: Resident | None = None) -> list[Resident]:
        """Those with a place."""
        return [found for found in self._books.all() if found.placed and found is not newcomer]

    @property
    def charged(self) -> int:
        """Bytes that are held or may be taken without asking."""
        return sum(found.charge for found in self._books.all())

    @property
    def _pending(self) -> int:
        return self._newcomer.estimate.total if self._newcomer is not None else 0

    def changed(self) -> None:
        """Somebody left, became idle or gave memory back: whoever waits looks again."""
        self._changed.set()

    async def change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # ------------------------------------------------------------------ newcomers

    async def place(self, newcomer: Resident, seconds: float) -> None:
        """Reserve memory for `newcomer`, making room for it. Raises OutOfMemory, or Unavailable after `seconds`."""
        self._check_possible(newcomer)
        try:
            async with asyncio.timeout(seconds), self._door:
                self._newcomer = newcomer
                await self._wait_for_room(newcomer)
                newcomer.placed = True
        except TimeoutError:
            raise Unavailable(self._why_not(newcomer, seconds), retry_after=5) from None
        finally:
            if self._newcomer is newcomer:
                self._newcomer = None
                self.settle()

    def _fits(self, newcomer: Resident) -> bool:
        counted = len(self.others(newcomer)) < self.limits.models
        return counted and self.charged + newcomer.estimate.total <= self.limits.budget

    async def _wait_for_room(self, newcomer: Resident) -> None:
        patience = Patience(newcomer, self.limits.patience, self._books)
        try:
            while not self._fits(newcomer):
                self._check_possible(newcomer)
                await self._make_room(newcomer, patience)
        finally:
            patience.end()
            self.changed()

    async def _make_room(self, newcomer: Resident, patience: Patience) -> None:
        """One step: wait for smaller leases, evict an idle model, or wait for anything to change."""
        self.settle()
        if self._fits(newcomer):
            return
        if self._would_fit(newcomer) and not await self._unconfirmed():
            return
        if not await self._evict_idle(f"to make room for {newcomer.entry.id}"):
            await self._wait_for_idle(newcomer, patience)

    async def _wait_for_idle(self, newcomer: Resident, patience: Patience) -> None:
        if patience.turn(self.others(newcomer)):
            self.changed()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(patience.until):
                await self.change()

    def _would_fit(self, newcomer: Resident) -> bool:
        """Smaller leases would do."""
        others = self.others(newcomer)
        least = sum(found.share.least for found in others)
        return len(others) < self.limits.models and least + newcomer.estimate.total <= self.limits.budget

    async def _unconfirmed(self) -> bool:
        """Wait for workers to confirm smaller leases. True where that is no use: all have, or they take too long."""
        if all(found.confirmed for found in self.others() if found.state == "ready"):
            return True
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await self.change()
        except TimeoutError:
            return True
        return False

    async def _evict_idle(self, reason: str, apart_from: Resident | None = None) -> bool:
        """Evict the idle model that was used longest ago; False if there is none."""
        idle = [found for found in self.others(apart_from) if found.idle and not found.entry.pin]
        if not idle:
            return False
        await self._evict(min(idle, key=lambda found: found.used_at), reason)
        return True

    async def evict_for(self, resident: Resident) -> bool:
        """Memory ran out while `resident` was loaded: evict one idle model."""
        return await self._evict_idle(f"because memory ran out while {resident.entry.id} was loaded", resident)

    def _check_possible(self, newcomer: Resident) -> None:
        """Raises OutOfMemory or Unavailable for what no waiting can mend."""
        need, budget, model = newcomer.estimate.total, self.limits.budget, newcomer.entry.id
        stuck = [found for found in self.others(newcomer) if found.entry.pin or found.state == "hung"]
        if len(stuck) >= self.limits.models:
            raise Unavailable(
                f"Model {model!r} has no room: every loaded model is pinned or hangs ({_names(stuck)}); "
                "raise max_loaded_models or unpin one."
            )
        if need > budget:
            raise OutOfMemory(
                f"Model {model!r} needs {_parts(newcomer)}, but memory_budget is {size(budget)}: "
                "choose a smaller model or a shorter context, or raise memory_budget."
            )
        held = sum(found.share.least for found in stuck)
        if need + held > budget:
            raise OutOfMemory(
                f"Model {model!r} needs {_parts(newcomer)}, but of the memory_budget of {size(budget)} pinned models "
                f"hold {size(held)} ({_names(stuck)}): unpin one, or raise memory_budget."
            )

    def _why_not(self, newcomer: Resident, seconds: float) -> str:
        others, need = self.others(newcomer), newcomer.estimate.total
        at_work = [found for found in others if not found.idle]
        who = f"{_names(at_work)} {'is' if len(at_work) == 1 else 'are'} at work"
        if not at_work:
            who = "other models were waited for"
        needs = f" of {size(need)}" if need else ""
        return f"No room{needs} for model {newcomer.entry.id!r} within {seconds:.0f} s: {who}."

    # ------------------------------------------------------------------ leases

    def settle(self) -> None:
        """Send every loaded model the lease that is due to it: smaller ones at once, larger ones once there is room."""
        ready = [found for found in self.others() if found.state == "ready"]
        wishing = _first_to_wish(ready)
        shares = [
            msgspec.structs.replace(found.share, wanted=found.gauges.wanted if found is wishing else 0)
            for found in ready
        ]
        spare = self._budget_for(ready) - sum(share.least for share in shares)
        pending = self._pending_beside(wishing, spare)
        aims = goals(self._budget_for(ready) - pending, shares, self.limits.kept)
        for found, aim in zip(ready, aims, strict=True):
            self._lower(found, aim)
        free = self.limits.budget - pending - self.charged
        for found, aim in zip(ready, aims, strict=True):
            free -= self._raise(found, aim, free)
        self._ease(wishing, spare)

    def _budget_for(self, ready: list[Resident]) -> int:
        """What is left for these after those that load, leave or hang."""
        return self.limits.budget - sum(found.charge for found in self._books.all() if found not in ready)

    def _pending_beside(self, wishing: Resident | None, spare: int) -> int:
        """What is kept for whoever waits at the door: nothing while it would keep a request from what it waits for.

        The two would else wait for each other: the newcomer until the model is idle, the request for its part.
        """
        wish = _wish(wishing)
        return 0 if spare - self._pending < wish <= spare else self._pending

    def _lower(self, found: Resident, aim: Goal) -> None:
        lease = Lease(min(aim.kv, found.lease.kv), min(aim.kept, found.lease.kept), self._most(found, aim))
        if lease.kept < found.gauges.kept_beside and self._newcomer is not None and lease.kept < found.lease.kept:
            given_up = size(found.gauges.kept_beside - lease.kept)
            reason = f"{given_up} of kept prefixes make room for {self._newcomer.entry.id}."
            self._books.tell("shrunk", found, reason, nbytes=lease.kept)
        found.let(lease)

    def _raise(self, found: Resident, aim: Goal, free: int) -> int:
        """What was taken of `free`. Its least is given to everybody, also where there is none."""
        before, old = found.charge, found.lease
        kv, kept = max(aim.kv, old.kv), max(aim.kept, old.kept)
        if kv - max(old.kv, 0) + kept - old.kept > max(free, 0):
            kv, kept = max(min(aim.kv, found.share.floor), old.kv), old.kept
        found.let(Lease(kv, kept, self._most(found, aim)))
        return found.charge - before

    def _most(self, found: Resident, aim: Goal) -> int:
        """The largest lease that it could ever have: with every other model gone that can go."""
        stuck = (other for other in self.others(found) if other.entry.pin or other.state == "hung")
        return max(self.limits.budget - found.share.fixed - sum(other.share.least for other in stuck), aim.kv)

    # ------------------------------------------------------------------ too little memory

    def _ease(self, wishing: Resident | None, spare: int) -> None:
        """Evict in the background where models turn out larger than estimated, or where a request needs more."""
        if (
            (spare < 0 or _wish(wishing) > spare)
            and (self._easing is None or self._easing.done())
            and len(self.others()) > 1
        ):
            self._easing = asyncio.get_running_loop().create_task(self._evict_one(wishing if spare >= 0 else None))
            self._easing.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _evict_one(self, wishing: Resident | None) -> None:
        if wishing is None:
            await self._evict_idle("because the loaded models take more than memory_budget")
        elif not wishing.idle and not await self._evict_idle(f"for a long request to {wishing.entry.id}", wishing):
            self._deny_last(wishing)

    def _deny_last(self, wishing: Resident) -> None:
        """Nobody is idle. Where another model does nothing but wait for memory too, the two would wait for ever."""
        others = [found for found in self.others(wishing) if found.wants_since is not None and not found.gauges.live]
        if others:
            self._deny(max(others, key=lambda found: found.wants_since or 0.0))

    def deny(self, seconds: float) -> None:
        """Refuse wishes that could not be granted for so long."""
        moment = now()
        for found in self.others():
            if found.wants_since is not None and moment - found.wants_since > seconds and found.state == "ready":
                self._deny(found)

    def _deny(self, found: Resident) -> None:
        """The request that waits for a larger lease fails and says why."""
        found.let(msgspec.structs.replace(found.lease, most=0))

    def close(self) -> None:
        if self._easing is not None:
            self._easing.cancel()


def _first_to_wish(residents: list[Resident]) -> Resident | None:
    wishing = [found for found in residents if found.wants_since is not None]
    return min(wishing, key=lambda found: found.wants_since or 0.0, default=None)


def _wish(wishing: Resident | None) -> int:
    """Bytes that it wants beyond its least."""
    return max(wishing.gauges.wanted - wishing.share.floor, 0) if wishing is not None else 0


def _names(residents: Sequence[Resident]) -> str:
    return ", ".join(found.entry.id for found in residents) or "none"


def _parts(newcomer: Resident) -> str:
    """ "9.1 GB (weights 8 GB, KV cache 1.1 GB)"."""
    estimate = newcomer.estimate
    parts = {"weights": estimate.weights, "KV cache": estimate.kv, "buffers": estimate.scratch}
    told = ", ".join(f"{name} {size(value)}" for name, value in parts.items() if value)
    return f"{size(estimate.total)} ({told})"
