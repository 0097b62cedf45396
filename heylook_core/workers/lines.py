"""Log lines of a worker process: they go through the server's log, with its levels, its form and its files."""

from __future__ import annotations

import logging
from collections.abc import Callable

from heylook_core.logs import quietened, request_id
from heylook_core.workers.protocol import Logged


class LinesToServer(logging.Handler):
    """Hands every line of the child over to `send`, which takes it on any thread."""

    def __init__(self, epoch: int, send: Callable[[Logged], None]) -> None:
        super().__init__()
        self._epoch = epoch
        self._send = send
        self._form = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = self._form.formatException(record.exc_info) if record.exc_info else ""
            about = request_id(record)
            self._send(
                Logged(self._epoch, record.name, record.levelno, record.getMessage(), record.created, about, error)
            )
        except Exception:
            self.handleError(record)


def log_to_server(level: str, epoch: int, send: Callable[[Logged], None]) -> None:
    """From now on the lines of this process go to the server."""
    root = logging.getLogger()
    root.handlers = [LinesToServer(epoch, send)]
    root.setLevel(level)
    quietened()


def relayed(line: Logged) -> None:
    """Log a child's line here, as it was made there."""
    logger = logging.getLogger(line.logger)
    if not logger.isEnabledFor(line.level):
        return
    record = logger.makeRecord(
        line.logger, line.level, "", 0, line.message, (), None, extra={"request_id": line.request_id}
    )
    record.created = line.at
    record.msecs = line.at % 1 * 1000
    record.exc_text = line.error or None
    logger.handle(record)
