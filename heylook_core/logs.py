"""The console log, and the log file that is rotated by size. Lines about a request have its id."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_core.calls import CALL
from heylook_core.errors import ConfigError
from heylook_core.settings import LoggingSettings

if TYPE_CHECKING:
    from rich.console import Console

CONSOLE_FORMAT = "%(asctime)s - %(levelname)s - %(request)s%(message)s"
FILE_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(request)s%(message)s"
RICH_FORMAT = "%(request)s%(message)s"

# what these tell below WARNING is for their own developers; requests are logged if the server switches that on
_LEVELS = dict.fromkeys(
    ("asyncio", "falcon", "filelock", "httpcore", "httpx", "stevedore", "urllib3", "uvicorn", "websockets"),
    logging.WARNING,
)
_LEVELS["uvicorn.access"] = logging.INFO


@contextmanager
def logging_to(settings: LoggingSettings) -> Iterator[Path | None]:
    """Log to stderr, and to a new file in `dir` if `file_level` is set, whose path this yields.

    The root logger is as before afterwards. Raises ConfigError if the file cannot be made.
    """
    root = logging.getLogger()
    before = root.level
    console = _console_handler(settings)
    file = _file_handler(settings) if settings.file_level else None
    handlers = [console, file] if file else [console]
    root.setLevel(min(handler.level for handler in handlers))
    others = quietened()
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield Path(file.baseFilename) if file else None
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(before)
        for name, level in others.items():
            logging.getLogger(name).setLevel(level)


def quietened() -> dict[str, int]:
    """Set the levels of talkative libraries, and give back what they were."""
    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in _LEVELS}
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(max(level, root.level))
    return before


def terminal() -> Console | None:
    """Where the console log is drawn, if that is a terminal: what is drawn there too must go through it."""
    found = (getattr(handler, "console", None) for handler in logging.getLogger().handlers)
    return next((console for console in found if console is not None), None)


class TextFormatter(logging.Formatter):
    """`%(request)s` is the id of the request that the line is about, in brackets, or nothing."""

    def format(self, record: logging.LogRecord) -> str:
        id_ = request_id(record)
        record.request = f"[{id_}] " if id_ else ""
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One object a line: `time` (ISO 8601, UTC), `level`, `logger`, `message`, and `request_id` and `error` if any."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if id_ := request_id(record):
            line["request_id"] = id_
        if record.exc_info or record.exc_text:
            line["error"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        return msgspec.json.encode(line).decode()


def request_id(record: logging.LogRecord) -> str:
    """As the line itself says, else that of the call which is being served."""
    told: str | None = getattr(record, "request_id", None)
    if told is not None:
        return told
    call = CALL.get()
    return call.request_id if call is not None else ""


def _console_handler(settings: LoggingSettings) -> logging.Handler:
    """Drawn by rich on a terminal, plain lines into a pipe or a file."""
    if settings.format == "json" or not sys.stderr.isatty():
        return _handler(logging.StreamHandler(sys.stderr), settings, settings.level, CONSOLE_FORMAT)
    from rich.console import Console
    from rich.logging import RichHandler

    drawn = RichHandler(
        console=Console(stderr=True), show_path=False, log_time_format="[%X]", highlighter=None, markup=False
    )
    return _handler(drawn, settings, settings.level, RICH_FORMAT)


def _file_handler(settings: LoggingSettings) -> RotatingFileHandler:
    folder = Path(settings.dir).expanduser()
    path = folder / time.strftime("heylookllm_%Y%m%d_%H%M%S.log")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(
            path, maxBytes=settings.rotate_mb << 20, backupCount=settings.rotate_count, encoding="utf-8"
        )
    except OSError as error:
        raise ConfigError(
            f"The log file {path} cannot be written: {error.strerror}; name another folder with --log-dir."
        ) from None
    _handler(file, settings, settings.file_level or settings.level, FILE_FORMAT)
    return file


def _handler(handler: logging.Handler, settings: LoggingSettings, level: str, form: str) -> logging.Handler:
    handler.setLevel(level)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter(form))
    return handler
