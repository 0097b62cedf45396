"""Writes rows on a thread of its own: in short transactions, with the file free in between."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from heylook_duckdb.database import create, is_busy, is_passing, writing
from heylook_duckdb.keeping import Keeping
from heylook_duckdb.schema import Row, columns_of, insertion

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MOST_WAITING = 20_000
BATCH = 5_000
LAST_SECONDS = 3.0

Waiting = tuple[str, Row]


class Writer:
    """`put` from any thread; never blocks. What comes while the file cannot be written waits, up to MOST_WAITING rows.

    Rows that had to be dropped are told once, and counted until it can be written again. The thread ends in `close`.
    """

    def __init__(self, path: Path, keeping: Keeping, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._keeping = keeping
        self._clock = clock
        self._waiting: deque[Waiting] = deque()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._ready = False
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
        """Write what waits, for LAST_SECONDS at most."""
        self._stopping.set()
        self._news.set()
        self._thread.join(LAST_SECONDS + 5.0)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        self._keep()
        while not self._stopping.is_set():
            self._news.wait(self._keeping.pause(self._clock()))
            self._news.clear()
            self._stopping.wait(FLUSH_SECONDS)
            self._flush()
            self._keep()
        deadline = time.monotonic() + LAST_SECONDS
        while self._waiting and not self._flush() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._waiting:
            self._drop(len(self._waiting), "the server has stopped")

    def _flush(self) -> bool:
        """Write everything that waits; False if that cannot be done now."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not self._wrote(batch):
                return False
        return True

    def _wrote(self, batch: list[Waiting]) -> bool:
        try:
            self._write(batch)
        except Exception as error:
            if not is_passing(error):
                return self._wrote_the_rest(batch, error)
            self._waiting.extendleft(reversed(batch))
            self._ready = False
            self._complain(error)
            self._news.set()  # try again
            return False
        self._recovered()
        return True

    def _wrote_the_rest(self, batch: list[Waiting], error: Exception) -> bool:
        """One of the rows cannot be stored at all: the others are, in smaller batches."""
        if len(batch) == 1:
            self._drop(1, str(error).splitlines()[0])
            return True
        middle = len(batch) // 2
        second = self._wrote(batch[middle:])  # what has to wait goes to the front: the second half first
        return self._wrote(batch[:middle]) and second

    def _write(self, batch: list[Waiting]) -> None:
        if not self._ready or not self._path.exists():
            create(self._path)
            self._ready = True
        with writing(self._path) as connection:
            connection.begin()
            for table in dict(batch):
                rows = [row for name, row in batch if name == table]
                connection.execute(insertion(table), columns_of(table, rows))
            connection.commit()

    def _keep(self) -> None:
        """Retention, once an hour or when the file is too large. Where somebody reads the file it is tried again."""
        try:
            self._keeping.run(self._clock())
        except Exception as error:
            if not is_passing(error):
                self._tell(f"old ones could not be removed ({str(error).splitlines()[0]})")

    # ------------------------------------------------------------------ complaints

    def _complain(self, error: BaseException) -> None:
        """A reader has the file for a moment: that is no trouble. Anything longer is told, once."""
        if len(self._waiting) >= MOST_WAITING // 2 or not is_busy(error):
            self._tell(str(error).splitlines()[0])

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
