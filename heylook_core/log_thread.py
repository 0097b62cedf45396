"""Lines of the log are written by a thread of their own: what reads the console may pause, the server may not."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence

WAITING_LINES = 10_000
LAST_LINES_SECONDS = 2.0
_NAME = "heylook-log"


def is_stuck() -> bool:
    """After `close`: a console that nobody reads still holds the thread, and the interpreter would wait for it."""
    return any(thread.name == _NAME for thread in threading.enumerate())


class LogThread(logging.Handler):
    """Takes records from any thread and has `handlers` write them, each by its own level.

    Nobody waits: where a pipe or a terminal is not read, `WAITING_LINES` lines wait, those beyond are left out, and a
    line says how many. `complete` is called on the thread that logs, for what only that one knows of a record.
    """

    def __init__(self, handlers: Sequence[logging.Handler], complete: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self.handlers = handlers
        self._complete = complete
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(WAITING_LINES)
        self._left_out = 0
        self._thread = threading.Thread(target=self._write, name=_NAME, daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            record.msg, record.args = record.getMessage(), None
            self._complete(record)
        except Exception:
            self.handleError(record)
            return
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._left_out += 1

    def close(self) -> None:
        """Write what waits, for at most `LAST_LINES_SECONDS`, and close the handlers."""
        super().close()
        try:
            self._records.put(None, timeout=LAST_LINES_SECONDS)
            self._thread.join(LAST_LINES_SECONDS)
        except queue.Full:
            return
        if not self._thread.is_alive():
            for handler in self.handlers:
                handler.close()

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            self._hand_on(record)
            if self._left_out:
                count, self._left_out = self._left_out, 0
                text = f"{count} lines of the log were left out: they came faster than they were read."
                self._hand_on(logging.LogRecord(__name__, logging.WARNING, "", 0, text, None, None))

    def _hand_on(self, record: logging.LogRecord) -> None:
        for handler in self.handlers:
            if record.levelno >= handler.level:
                handler.handle(record)
