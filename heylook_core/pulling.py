"""Pulls while serving: a thread fetches, the event loop hears of its progress, and the catalogue gets the model."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from heylook_core.catalog.pull import Puller, PullProgress
from heylook_core.config import environment
from heylook_core.errors import Cancelled, HeylookError, PullFailed
from heylook_core.settings import ModelEntry

if TYPE_CHECKING:
    from heylook_core.departure import Departure
    from heylook_core.serving import Serving


log = logging.getLogger(__name__)


class Pull:
    """One pull beside the requests. Event loop only; `close` ends the transfer, and so does the client's leaving."""

    def __init__(self, serving: Serving, name: str, gone: Departure) -> None:
        self._serving = serving
        self._name = name
        self._cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Queue[PullProgress | ModelEntry | HeylookError] = asyncio.Queue()
        gone.add(self._left)
        folder = serving.catalog.folder
        if folder is None:
            raise PullFailed("This server has no folder for pulled models; set models_dir in models.yaml.")
        self._thread = threading.Thread(target=self._run, args=(folder,), name=f"pull {name[:80]}", daemon=True)
        self._thread.start()

    async def progress(self, silence: float) -> AsyncGenerator[PullProgress | None, None]:
        """What happens, ending with `done` once the model can be asked for; None after `silence` seconds of nothing.

        Raises what `Puller.pull` raises.
        """
        try:
            while True:
                try:
                    news = await asyncio.wait_for(self._news.get(), silence)
                except TimeoutError:
                    yield None
                    continue
                if isinstance(news, HeylookError):
                    raise news
                if isinstance(news, ModelEntry):
                    self._serving.catalog.add_pulled(news)
                    yield PullProgress(stage="done", model=news.id)
                    return
                yield news
        finally:
            self.close()

    def close(self) -> None:
        self._cancelled.set()

    def _left(self) -> None:
        self.close()
        self._news.put_nowait(Cancelled("The client left before the model was there."))

    def _run(self, folder: Path) -> None:
        """On the pull's own thread, which ends when the pull does or soon after it was closed."""
        try:
            puller = Puller(folder, self._serving.plugins, environment().hub)
            self._tell(puller.pull(self._name, self._report, self._cancelled))
        except HeylookError as error:
            self._tell(error)
        except Exception as error:
            log.exception("The pull of %s failed unexpectedly", self._name)
            self._tell(PullFailed(f"The pull failed unexpectedly ({type(error).__name__}); the log has the details."))

    def _report(self, progress: PullProgress) -> None:
        if progress.stage != "done":  # told when the catalogue has it
            self._tell(progress)

    def _tell(self, news: PullProgress | ModelEntry | HeylookError) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended and its loop is closed
            self._loop.call_soon_threadsafe(self._news.put_nowait, news)
