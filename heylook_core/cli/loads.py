"""Shows on a terminal that a model is being loaded, if that takes long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from heylook_core.provider import ModelInfo
    from heylook_core.residency_events import ResidencyEvent
    from heylook_core.settings import ModelEntry

LONG_SECONDS = 1.0


class LoadDisplay:
    """A line for each load that takes longer than LONG_SECONDS, with the time it has taken. Event loop only.

    Backends do not tell how far they are, so the bar moves without an end.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._lines: dict[str, TaskID] = {}

    @hookimpl
    def model_loading(self, entry: ModelEntry) -> None:
        self._end(entry.id)
        self._timers[entry.id] = asyncio.get_running_loop().call_later(LONG_SECONDS, self._show, entry.id)

    @hookimpl
    def model_loaded(self, entry: ModelEntry, info: ModelInfo, seconds: float) -> None:
        self._end(entry.id)

    @hookimpl
    def residency_event(self, event: ResidencyEvent) -> None:
        if event.decision != "loading":
            self._end(event.model)

    @hookimpl
    def server_stopping(self) -> None:
        for model in [*self._timers, *self._lines]:
            self._end(model)

    def _show(self, model: str) -> None:
        if self._progress is None:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("loading {task.description}"), BarColumn(), TimeElapsedColumn())
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.start()
        self._lines[model] = self._progress.add_task(model, total=None)

    def _end(self, model: str) -> None:
        timer, line = self._timers.pop(model, None), self._lines.pop(model, None)
        if timer is not None:
            timer.cancel()
        if self._progress is not None and line is not None:
            self._progress.remove_task(line)
            if not self._lines:
                self._progress.stop()
                self._progress = None
