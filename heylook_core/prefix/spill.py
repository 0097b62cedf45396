"""Between the memory cache and a tier: fetches before a request enters, puts after an eviction, on one io thread."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from queue import PriorityQueue
from typing import Any, TypeAlias

import numpy as np

from heylook_core.engine import Engine, Snapshot
from heylook_core.prefix.cache import PrefixCache
from heylook_core.prefix.figures import TierFigures
from heylook_core.prefix.tier import Found, PrefixTier, Stored

log = logging.getLogger(__name__)

Prompt: TypeAlias = "np.ndarray[Any, Any]"

# Fewer tokens than this are computed sooner than they are read from a disk and put in place.
WORTH_FETCHING = 64
# Exports that wait for the disk; beyond this, states are dropped rather than held in memory twice.
MOST_PENDING_BYTES = 512 << 20
# A tier that refuses is asked again after so long: who has its folder may be a server that is just ending.
RETRY_SECONDS = 5.0

# A request that waits for its prefix goes before writes; the end comes last.
_LOOK, _PUT, _END = range(3)


class Spill:
    """Moves snapshots between a worker's memory cache and a tier.

    Its methods are called on the engine thread. `post` brings an action back to it and may be called from the io
    thread; something is posted whenever the io thread has done a piece of work, so that new figures are told.
    """

    def __init__(
        self,
        open_tier: Callable[[], PrefixTier],
        engine: Engine,
        cache: PrefixCache,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._open_tier = open_tier
        self._engine = engine
        self._cache = cache
        self._post = post
        self._tier: PrefixTier | None = None
        self._retry_at = 0.0
        self._work: PriorityQueue[tuple[int, int, Callable[[], None] | None]] = PriorityQueue()
        self._order = count()
        self._leaving: deque[Snapshot] = deque()
        # Exported on the engine thread, written on the io thread: each is counted by one thread only.
        self._given_bytes = 0
        self._written_bytes = 0
        # States that were read, and how many of them have arrived; at most one is on its way.
        self._fetched = 0
        self._arrived = 0
        self._arriving_bytes = 0
        self.figures = TierFigures()
        self.refused = ""
        self._thread = threading.Thread(target=self._run, name=f"{threading.current_thread().name}-io", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ engine thread

    def ask(self, tokens: list[int], go_on: Callable[[], None]) -> None:
        """Call `go_on` on the engine thread once the best prefix of `tokens` that the tier has is in memory."""
        self._ask(np.asarray(tokens, dtype=np.int32), go_on)

    def _ask(self, wanted: Prompt, go_on: Callable[[], None]) -> None:
        known, arrived = self._cache.likely(wanted), self._arrived
        self._give(_LOOK, lambda: self._look(wanted, known, arrived, go_on))

    @property
    def idle(self) -> bool:
        return not self._leaving

    @property
    def nbytes(self) -> int:
        """What is held between memory and the tier: states that leave, wait to be written, or were read."""
        leaving = sum(snapshot.nbytes for snapshot in self._leaving)
        return leaving + self._given_bytes - self._written_bytes + self._arriving_bytes

    @property
    def in_place(self) -> int:
        """As much of it as lies within memory that the engine has anyway."""
        return sum(snapshot.nbytes for snapshot in self._leaving if snapshot.in_place)

    def evicted(self, snapshot: Snapshot) -> None:
        """The memory cache lets go of this; it is exported when the engine has a moment."""
        self._leaving.append(snapshot)

    def export_one(self) -> None:
        """Hand one evicted snapshot over. An export cannot be sliced, so there is at most one in a turn."""
        if not self._leaving:
            return
        snapshot = self._leaving.popleft()
        if not self.refused and self._has_room(snapshot):
            self._export(snapshot)
        snapshot.drop()

    def clear(self) -> None:
        """Forget what memory let go of, and everything that the tier has."""
        self.forget()
        self._give(_PUT, self._clear)

    def forget(self) -> None:
        """Drop what memory let go of and nobody has exported: an engine that broke cannot say what it was."""
        for snapshot in self._drain():
            snapshot.drop()

    def close(self, seconds: float) -> None:
        """Write everything that memory has, the longest unused first, and close the tier; takes at most `seconds`.

        Each leaves memory as it is exported, so that it is not held twice.
        """
        deadline = time.monotonic() + seconds
        for snapshot in itertools.chain(self._drain(), self._cache.drain()):
            while not (self._has_room(snapshot) or self.refused) and time.monotonic() < deadline:
                time.sleep(0.01)
            if time.monotonic() < deadline and not self.refused:
                self._export(snapshot)
            snapshot.drop()
        self._give(_END, None)
        self._thread.join(max(deadline - time.monotonic(), 0.0))
        if self._thread.is_alive():
            log.warning("The prefix tier did not finish writing within %.0f s; what is left is lost.", seconds)

    def _drain(self) -> Iterator[Snapshot]:
        while self._leaving:
            yield self._leaving.popleft()

    def _has_room(self, snapshot: Snapshot) -> bool:
        pending = self._given_bytes - self._written_bytes
        return pending == 0 or pending + snapshot.nbytes <= MOST_PENDING_BYTES

    def _export(self, snapshot: Snapshot) -> None:
        if snapshot.nbytes == 0:
            # The engine has lost the state. Its tokens alone would keep the real one from being put.
            return
        try:
            header, buffers = snapshot.export()
        except NotImplementedError:
            return
        except Exception:
            log.exception("A snapshot could not be exported")
            return
        tokens = snapshot.tokens.tolist()
        size = sum(buffer.nbytes for buffer in buffers)
        self._given_bytes += size
        self._give(_PUT, lambda: self._put(tokens, header, buffers, size))

    def _give(self, rank: int, work: Callable[[], None] | None) -> None:
        self._work.put((rank, next(self._order), work))

    def _take(self, stored: Stored, n: int, go_on: Callable[[], None]) -> None:
        self._arrived += 1
        self._arriving_bytes = 0
        try:
            self._cache.keep(self._engine.restore(stored.header, stored.buffers))
        except Exception:
            log.exception("A stored prefix of %d tokens could not be restored", n)
        go_on()

    # ------------------------------------------------------------------ io thread

    def _run(self) -> None:
        self._open()
        while (work := self._work.get()[2]) is not None:
            self._open()
            try:
                work()
                if self._tier is not None:
                    self.figures = self._tier.figures()
            except Exception:
                log.exception("The prefix tier failed")
            self._post(_nothing)
        if self._tier is not None:
            self._tier.close()

    def _open(self) -> None:
        if self._tier is not None or time.monotonic() < self._retry_at:
            return
        try:
            self._tier = self._open_tier()
            self.refused = ""
        except Exception as error:
            if str(error) != self.refused:
                log.warning("The prefix tier is not used: %s", error)
            self.refused = str(error)
            self._retry_at = time.monotonic() + RETRY_SECONDS

    def _look(self, prompt: Prompt, known: int, arrived: int, go_on: Callable[[], None]) -> None:
        """Read what spares `prompt` most, unless memory may have it since: then memory is asked once more.

        So requests that begin alike read a file once, and no more than one state waits to be taken.
        """
        then = go_on
        try:
            found = self._worth_fetching(prompt, known)
            if found is not None and self._fetched != arrived:
                then = partial(self._ask, prompt, go_on)
            elif found is not None:
                then = self._fetch(found, go_on)
        finally:
            self._post(then)

    def _worth_fetching(self, prompt: Prompt, known: int) -> Found | None:
        found = self._tier.probe(prompt) if self._tier is not None else None
        if found is None or min(found.n, len(prompt) - 1) < known + WORTH_FETCHING:
            return None
        return found

    def _fetch(self, found: Found, go_on: Callable[[], None]) -> Callable[[], None]:
        """What is to be done on the engine thread with the state that was found."""
        stored = self._tier.fetch(found.key) if self._tier is not None else None
        if stored is None:
            return go_on
        self._arriving_bytes = sum(buffer.nbytes for buffer in stored.buffers)
        self._fetched += 1
        return partial(self._take, stored, found.n, go_on)

    def _put(self, tokens: list[int], header: dict[str, object], buffers: list[memoryview], size: int) -> None:
        try:
            if self._tier is not None:
                self._tier.put(tokens, header, buffers)
        finally:
            self._written_bytes += size

    def _clear(self) -> None:
        if self._tier is not None:
            self._tier.clear()


def _nothing() -> None:
    """Wakes the engine thread."""
