"""Writes rows on a thread of its own: at once into a journal, and now and then into the database."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from heylook_duckdb.database import is_busy, is_passing, make_tables, writing
from heylook_duckdb.journal import Journal, Noted, abandoned, bring_in
from heylook_duckdb.keeping import Keeping
from heylook_duckdb.schema import Row

log = logging.getLogger(__name__)

NOTE_SECONDS = 0.5
MERGE_SECONDS = 30.0
AGAIN_SECONDS = 5.0
MERGE_BYTES = 4 << 20
MOST_WAITING = 20_000
MOST_BYTES = 256 << 20
LAST_SECONDS = 3.0


class Writer:
    """`put` from any thread; never blocks. The thread ends in `close`.

    While another process has the database the journal grows, to MOST_BYTES; where there is no room on the disk rows
    wait in memory, up to MOST_WAITING. What has to be dropped is told once, and counted until it works again.
    """

    def __init__(self, path: Path, keeping: Keeping, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._keeping = keeping
        self._clock = clock
        self._waiting: deque[Noted] = deque()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._journal: Journal | None = None
        self._closed: list[Journal] = []
        self._merge_at = 0.0
        self._complained = False
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="heylook-duckdb", daemon=True)
        self._thread.start()

    def put(self, table: str, row: Row) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._drop(1, "it could not be written for too long")
            return
        self._waiting.append((table, row))
        self._news.set()

    def close(self) -> None:
        """Write what waits, for LAST_SECONDS at most; what cannot be brought in is left in the journal."""
        self._stopping.set()
        self._news.set()
        self._thread.join(LAST_SECONDS + 5.0)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        self._merge()
        self._keep()
        while not self._stopping.is_set():
            self._news.wait(self._pause())
            self._news.clear()
            self._stopping.wait(NOTE_SECONDS)
            self._note()
            if self._is_due():
                self._merge()
                self._keep()
        self._finish()

    def _finish(self) -> None:
        deadline = time.monotonic() + LAST_SECONDS
        while not (self._note() and self._merge()) and time.monotonic() < deadline:
            time.sleep(0.1)
        if self._waiting:
            self._drop(len(self._waiting), "the server has stopped")
        for journal in [*self._closed, *([self._journal] if self._journal else [])]:
            journal.close()

    def _pause(self) -> float:
        if self._waiting:
            return 0.0
        if self._journal is not None or self._closed:
            return max(self._merge_at - time.monotonic(), 0.0)
        return self._keeping.pause(self._clock())

    def _is_due(self) -> bool:
        large = self._journal is not None and self._journal.size > MERGE_BYTES
        return large or time.monotonic() >= self._merge_at

    # ------------------------------------------------------------------ the journal

    def _note(self) -> bool:
        """Append what waits to the journal; False if that cannot be done now."""
        rows = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not rows:
            return True
        if sum(journal.size for journal in self._closed) > MOST_BYTES:
            self._drop(len(rows), "the database could not be written for too long")
            return True
        try:
            if self._journal is None:
                self._journal = Journal(self._path)
                self._merge_at = max(self._merge_at, time.monotonic() + MERGE_SECONDS)
            self._journal.append(rows)
        except OSError as error:
            self._waiting.extendleft(reversed(rows))
            self._tell(error.strerror or str(error))
            return False
        if not self._closed:
            self._recovered()
        return True

    # ------------------------------------------------------------------ the database

    def _merge(self) -> bool:
        """Bring the journals in, those of servers that were killed too; False if that cannot be done now."""
        if self._journal is not None:
            self._closed.append(self._journal)
            self._journal = None
        try:
            self._bring_in([*abandoned(self._path), *(journal.path for journal in self._closed)])
        except Exception as error:
            self._merge_at = time.monotonic() + AGAIN_SECONDS
            if not is_busy(error):
                self._tell(str(error).splitlines()[0])
            return is_passing(error) is False
        for journal in self._closed:
            journal.close()
        self._closed.clear()
        self._merge_at = time.monotonic() + MERGE_SECONDS
        return True

    def _bring_in(self, paths: list[Path]) -> None:
        """One opening of the file for all: it is what costs most."""
        with writing(self._path) as connection:
            make_tables(connection)
            complaints = [complaint for path in paths for complaint in bring_in(connection, path)]
        for path in paths:
            path.unlink()
        if complaints:
            self._drop(len(complaints), complaints[0])

    def _keep(self) -> None:
        """Retention, once an hour or when the file is too large. Where somebody reads the file it is tried again."""
        try:
            self._keeping.run(self._clock())
        except Exception as error:
            if not is_passing(error):
                self._tell(f"old ones could not be removed ({str(error).splitlines()[0]})")

    # ------------------------------------------------------------------ complaints

    def _drop(self, count: int, why: str) -> None:
        self._dropped += count
        self._tell(why)

    def _tell(self, why: str) -> None:
        if not self._complained:
            self._complained = True
            log.warning("Records of requests are not stored in %s: %s", self._path, why)

    def _recovered(self) -> None:
        if self._complained:
            log.warning("Records are stored in %s again; %d were dropped.", self._path, self._dropped)
        self._complained, self._dropped = False, 0
