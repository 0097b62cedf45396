"""The options of the command line. What is given is kept in the context, so that it may stand before the command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from heylook_core.settings import LogLevel

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False)
COMMON = ("config", "log_level")

_FLAGS = "heylook.flags"


def flags(context: click.Context) -> dict[str, Any]:
    """What was given on the command line so far, by option name; of two the later one."""
    given: dict[str, Any] = context.meta.setdefault(_FLAGS, {})
    return given


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and parameter.name is not None:
        flags(context)[parameter.name] = value


def _option(*names: str, **attributes: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_keep, default=None, **attributes)


config_option = _option("--config", type=click.Path(path_type=Path), metavar="FILE", help="The models.yaml to use.")

api_option = _option(
    "--api", metavar="NAME", help="The API to serve: openai, ollama, both, all (the default) or another dialect."
)

_SERVING = (
    api_option,
    _option("--host", help="The address to listen on; 0.0.0.0 is every one.  [default: 127.0.0.1]"),
    _option(
        "--port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="The only port to listen on.  [default: 8080 for OpenAI, 11434 for Ollama]",
    ),
    _option("--model-id", metavar="ID", help="Load this model at start."),
    config_option,
    _option("--log-level", type=LEVELS, help="What the console shows.  [default: INFO]"),
    _option(
        "--log-format",
        type=click.Choice(["text", "json"], case_sensitive=False),
        help="Lines for people, or a JSON object each.  [default: text]",
    ),
    _option("--file-log-level", type=LEVELS, help="What the log file holds; without it there is no file."),
    _option("--log-dir", metavar="DIR", help="Where log files are written.  [default: logs]"),
    _option("--log-rotate-mb", type=click.IntRange(1), metavar="MB", help="Size of a log file.  [default: 100]"),
    _option("--log-rotate-count", type=click.IntRange(0), metavar="N", help="Old log files to keep.  [default: 10]"),
)


def logging_at(level: str) -> AbstractContextManager[object]:
    """Log to the console at this level, for a command that does not serve."""
    from heylook_core.logs import logging_to
    from heylook_core.settings import LoggingSettings

    return logging_to(LoggingSettings(level=cast("LogLevel", level)))


def serving_options(command: F) -> F:
    """Every option of `serve`, in the order of the help page."""
    for option in reversed(_SERVING):
        command = option(command)
    return command
