"""The console log, and the log file that is rotated by size."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from heylook_core.errors import ConfigError
from heylook_core.settings import LoggingSettings

CONSOLE_FORMAT = "%(asctime)s - %(levelname)s - %(message)s"
FILE_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"

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
    console = _handler(logging.StreamHandler(sys.stderr), settings.level, CONSOLE_FORMAT)
    file = _file_handler(settings) if settings.file_level else None
    handlers = [console, file] if file else [console]
    root.setLevel(min(handler.level for handler in handlers))
    others = {name: logging.getLogger(name).level for name in _LEVELS}
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(max(level, root.level))
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
    _handler(file, settings.file_level or settings.level, FILE_FORMAT)
    return file


def _handler(handler: logging.Handler, level: str, form: str) -> logging.Handler:
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(form))
    return handler
