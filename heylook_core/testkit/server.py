"""A real server for tests: the whole app on a free port, in a thread of this process or in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from heylook_core.analytics import RequestRecord
from heylook_core.catalog import Catalog
from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.recorder import Recorder
from heylook_core.web.app import with_pages
from heylook_core.web.docs import DescriptionPages
from heylook_core.web.run import RESTART, Server, run, start_anew

T = TypeVar("T")

LIMIT_SECONDS = 60.0
SHOWN_FAULTS = 20


def toy_settings(*, server: dict[str, Any] | None = None, **config: Any) -> Settings:
    """Settings with one toy model, `toy`, and a free port. `config` is the toy provider's, `server` the server's."""
    model = ModelEntry(id="toy", provider="toy", config=config, placement="thread")
    return Settings(
        default_model="toy",
        models=(model,),
        server=ServerSettings(**({"port": 0, "drain_timeout": 5.0} | (server or {}))),
    )


class Finishes:
    """A hook plugin that keeps the records of finished requests."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []
        self._changed = threading.Condition()

    @hookimpl
    def request_finished(self, record: RequestRecord) -> None:
        with self._changed:
            self._records.append(record)
            self._changed.notify_all()

    def get(self, count: int = 1) -> list[RequestRecord]:
        """All records, as soon as there are `count` of them. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._records) >= count, LIMIT_SECONDS):
                raise TimeoutError(f"{len(self._records)} requests have finished, {count} were expected.")
            return list(self._records)


class LiveServer:
    """A server in a thread. `url` is its address; `server` its inside, for the event loop only (see `call`).

    `folder` is where it pulls models to. With `recording`, which a conftest.py may set for all, every answer is held
    against the server's own API description, see `recorder`.
    """

    recording: ClassVar[bool] = False

    def __init__(self, settings: Settings, plugins: Plugins | None = None, folder: Path | None = None) -> None:
        self.plugins = plugins or Plugins()
        self.finishes = Finishes()
        self.plugins.add("testkit:finishes", self.finishes)
        self.url = ""
        self.server: Server
        self._settings = settings
        self._folder = folder
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, name="live-server")
        self._recorder: Recorder | None = None

    def start(self) -> None:
        """Return once the server listens. Raises what kept it from that."""
        self._thread.start()
        if not self._ready.wait(LIMIT_SECONDS):
            raise TimeoutError("The server did not start.")
        if self._error is not None:
            self._thread.join()
            raise self._error

    def stop(self) -> None:
        """Unload, close, and join the thread.

        Raises what the server ended with, and AssertionError where an answer does not fit the description.
        """
        with contextlib.suppress(RuntimeError):  # it has ended by itself and its loop is closed
            self._loop.call_soon_threadsafe(self.server.stop, False)
        self._thread.join(LIMIT_SECONDS)
        if self._thread.is_alive():
            raise TimeoutError("The server did not stop.")
        if self._error is not None:
            raise self._error
        faults = self._faults()
        if faults:
            raise AssertionError(
                "Answers that the API description does not allow:\n" + "\n".join(faults[:SHOWN_FAULTS])
            )

    def _faults(self) -> list[str]:
        if self._recorder is None:
            return []
        *dialects, _ = with_pages(self.server.serving, self.server.dialects)
        return self._recorder.faults(DescriptionPages(self.server.serving, dialects).document)

    def call(self, function: Callable[[], T]) -> T:
        """What `function` returns on the server's event loop."""

        async def on_loop() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(LIMIT_SECONDS)

    def wait(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the coroutine comes to, run on the server's event loop."""

        async def on_loop() -> T:
            return await function()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(LIMIT_SECONDS)

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        catalog = Catalog(self._settings, self.plugins, self._folder)
        self.server = Server(self._settings, self.plugins, catalog)
        if self.recording:
            self._recorder = Recorder(self.server.app.app)
            self.server.app.app = self._recorder
        await self.server.serve(None, self._listens)

    def _listens(self, urls: tuple[str, ...], hints: tuple[str, ...]) -> None:
        self.url = urls[0]
        self._ready.set()


@contextlib.contextmanager
def live_server(
    settings: Settings | None = None, plugins: Plugins | None = None, folder: Path | None = None
) -> Iterator[LiveServer]:
    """A server in a thread of this process, stopped at the end; by default with one toy model."""
    server = LiveServer(settings or toy_settings(), plugins, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class ServerProcess:
    """A server in a process of its own, for what ends a process: signals, crashes, exit codes."""

    def __init__(self, settings: Settings, preload: str | None = None) -> None:
        command = [sys.executable, "-W", "error", "-m", __name__, msgspec.json.encode(settings).decode(), preload or ""]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self.process.stdout is None:
            raise RuntimeError("The server's output is not connected.")
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"The server ended with code {self.process.wait(LIMIT_SECONDS)} before it listened.")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def exit_code(self) -> int:
        """Wait until it has ended."""
        return self.process.wait(LIMIT_SECONDS)


@contextlib.contextmanager
def server_process(settings: Settings | None = None, preload: str | None = None) -> Iterator[ServerProcess]:
    """A server process that listens; killed at the end if it is still there."""
    server = ServerProcess(settings or toy_settings(), preload)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait(LIMIT_SECONDS)
        if server.process.stdout is not None:
            server.process.stdout.close()


def main(arguments: Sequence[str]) -> int:
    """Serve the settings that the first argument holds as JSON; write the address to standard output."""
    settings = msgspec.json.decode(arguments[0], type=Settings)
    plugins = Plugins(settings.plugins.disabled)

    def ready(urls: tuple[str, ...], hints: tuple[str, ...]) -> None:
        sys.stdout.write(f"{urls[0]}\n")
        sys.stdout.flush()

    code = run(settings, plugins, Catalog(settings, plugins), arguments[1] or None, ready)
    if code == RESTART:
        start_anew()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
