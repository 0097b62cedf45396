"""Between the memory cache and a tier: fetches before a request enters, puts after an eviction, on one io thread."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from queue import PriorityQueue

import numpy as np

from heylook_core.engine import Engine, Snapshot
from heylook_core.prefix.cache import PrefixCache
from heylook_core.prefix.figures import TierFigures
from heylook_core.prefix.tier import Found, PrefixTier, Stored

log = logging.getLogger(__name__)

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

    `ask`, `evicted`, `export_one`, `clear` and `close` are called on the engine thread. `post` brings an action back to
    it and may be called from the io thread.
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
        self.figures = TierFigures()
        self.refused = ""
        self._thread = threading.Thread(target=self._run, name=f"{threading.current_thread().name}-io", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ engine thread

    def ask(self, tokens: list[int], go_on: Callable[[], None]) -> None:
        """Call `go_on` on the engine thread once the best prefix of `tokens` that the tier has is in memory."""
        wanted = np.asarray(tokens, dtype=np.int32)
        known = self._cache.likely(tokens)
        self._give(_LOOK, lambda: self._look(wanted, known, go_on))

    @property
    def idle(self) -> bool:
        return not self._leaving

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
        for snapshot in self._drain():
            snapshot.drop()
        self._give(_PUT, self._clear)

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

    def _arrived(self, stored: Stored, n: int, go_on: Callable[[], None]) -> None:
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
            except Exception:
                log.exception("The prefix tier failed")
            if self._tier is not None:
                self.figures = self._tier.figures()
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

    def _look(self, tokens: np.ndarray[tuple[int], np.dtype[np.int32]], known: int, go_on: Callable[[], None]) -> None:
        stored, found = None, None
        try:
            found = self._tier.probe(tokens) if self._tier is not None else None
            if found is not None and min(found.n, len(tokens) - 1) >= known + WORTH_FETCHING and self._tier is not None:
                stored = self._tier.fetch(found.key)
        finally:
            self._return(found, stored, go_on)

    def _return(self, found: Found | None, stored: Stored | None, go_on: Callable[[], None]) -> None:
        if found is not None and stored is not None:
            self._post(lambda: self._arrived(stored, found.n, go_on))
        else:
            self._post(go_on)

    def _put(self, tokens: list[int], header: dict[str, object], buffers: list[memoryview], size: int) -> None:
        try:
            if self._tier is not None:
                self._tier.put(tokens, header, buffers)
        finally:
            self._written_bytes += size

    def _clear(self) -> None:
        if self._tier is not None:
            self._tier.clear()
