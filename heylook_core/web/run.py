"""The server process: sockets, uvicorn and Serving, from start to the last signal."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, NoReturn

import uvicorn

from heylook_core.dialect import Dialect
from heylook_core.errors import ConfigError, HeylookError, Unavailable
from heylook_core.serving import Serving
from heylook_core.settings import ServerSettings, Settings
from heylook_core.web.app import create_app
from heylook_core.web.guards import is_loopback
from heylook_core.web.listen import close, listen, urls

if TYPE_CHECKING:
    from heylook_core.catalog import Catalog
    from heylook_core.plugins import Plugins
    from heylook_core.reloading import Source

log = logging.getLogger(__name__)

Ready = Callable[[tuple[str, ...], tuple[str, ...]], None]

DIALECTS = "heylook.dialects"
KEEP_ALIVE_SECONDS = 75  # of idle connections; clients drop theirs sooner, so none is closed under a request
CLOSE_SECONDS = 2.5
HURRY_SECONDS = 0.3
ANSWER_SECONDS = 1
RESTART = -1
SOCKET_MESSAGE_BYTES = 1 << 20


def run(
    settings: Settings,
    plugins: Plugins,
    catalog: Catalog,
    preload: str | None,
    ready: Ready,
    source: Source | None = None,
) -> int:
    """Serve until a signal; the exit code. Main thread only. Raises ConfigError where it cannot start.

    The code is RESTART where an administrator wants a new start: call `start_anew` then, with everything else closed.

    SIGINT ends at once: what runs is failed, and a load is left behind. SIGTERM lets running requests finish
    for `drain_timeout`. A second signal of either kind waits for nothing.
    """
    threads = frozenset(threading.enumerate())
    server = Server(settings, plugins, catalog, source)
    with asyncio.Runner(loop_factory=server.loop_factory) as runner:
        runner.run(_run(server, preload, ready))
    if server.restarting:
        return RESTART
    atexit.register(_leave_stuck_threads, threads)
    return 0


def start_anew() -> NoReturn:
    """Replace this process by a new one with the same program, arguments and environment."""
    log.info("The server starts anew")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


async def _run(server: Server, preload: str | None, ready: Ready) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, server.stop, False)
    loop.add_signal_handler(signal.SIGTERM, server.stop, True)
    await server.serve(preload, ready)
    await _within(0.5, loop.shutdown_default_executor())


def _leave_stuck_threads(before: frozenset[threading.Thread]) -> None:
    """As the interpreter exits: end the process at once if a thread that we started is still in native code.

    A thread that hangs, or that loads a model, cannot be ended; taking the interpreter down under it may crash.
    """
    deadline = time.monotonic() + 0.5
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            log.info("The thread %s is still busy; leaving it behind", thread.name)
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def served_dialects(settings: ServerSettings, plugins: Plugins, serving: Serving) -> list[Dialect]:
    """The dialects that `server.api` names; each may have hooks. With `all`, a broken one is left out and logged."""
    if settings.api not in ("all", "both"):
        return [_dialect(settings.api, plugins, serving)]
    found: list[Dialect] = []
    for name in plugins.names(DIALECTS):
        try:
            found.append(_dialect(name, plugins, serving))
        except HeylookError as error:
            log.error("%s", error)
    return found


def _dialect(name: str, plugins: Plugins, serving: Serving) -> Dialect:
    dialect: Dialect = plugins.load(DIALECTS, name)(serving)
    plugins.add(f"{DIALECTS}:{name}", dialect)
    return dialect


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: ours drain and unload first. `listening` tells when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Server:
    """One listening server with its models. `serve` runs it; the rest of the methods belong to its event loop."""

    def __init__(self, settings: Settings, plugins: Plugins, catalog: Catalog, source: Source | None = None) -> None:
        self.settings = settings
        self.plugins = plugins
        self.restarting = False
        self.serving = Serving(settings, catalog, plugins)
        self.serving.source, self.serving.restart = source, self.restart
        self.dialects = served_dialects(settings.server, plugins, self.serving)
        self.urls: tuple[str, ...] = ()
        self._stopping = asyncio.Event()
        self._at_once = asyncio.Event()
        self._drain = False
        self.app = create_app(self.serving, self.dialects, settings)
        config = uvicorn.Config(
            self.app,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=SOCKET_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # audio does not shrink, and ten minutes of zeros cross in a moment
            ws_ping_interval=None,  # a client that sends too fast is not read from for a while, its pongs neither
            log_config=None,
            access_log=log.isEnabledFor(logging.DEBUG),
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=ANSWER_SECONDS,
        )
        self.loop_factory = config.get_loop_factory()
        self._uvicorn = _Uvicorn(config)

    def stop(self, drain: bool) -> None:
        """Ask the server to end, after its running requests if `drain`. A second call waits for nothing.

        Where a new start was asked for before, it is called off.
        """
        if self._stopping.is_set() and not (drain and self.restarting):
            self._at_once.set()
        self.restarting = False
        self._drain = drain
        self._stopping.set()

    def restart(self) -> None:
        """Drain and end; whoever runs the server starts it anew. Raises Unavailable if it is about to end for good."""
        if not self._stopping.is_set():
            self.stop(drain=True)
            self.restarting = True
        elif not self.restarting:
            raise Unavailable("The server is stopping, and will not start anew.")

    async def serve(self, preload: str | None, ready: Ready) -> None:
        """Listen, load `preload` meanwhile, and run until `stop`; then unload everything."""
        sockets = self._listen()
        try:
            await self._serve(sockets, preload, ready)
        finally:
            close(sockets)

    async def _serve(self, sockets: list[socket.socket], preload: str | None, ready: Ready) -> None:
        listening = asyncio.create_task(self._uvicorn.serve(sockets))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await self._uvicorn.listening.wait()
            await self._start(preload)
            self._announce(sockets, ready)
            await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await self._end(listening)

    async def _start(self, preload: str | None) -> None:
        try:
            await self.serving.start(preload)
        except HeylookError as error:
            log.error("The model %s could not be loaded at start: %s", preload, error)

    def ports(self) -> list[int]:
        """As configured, else those that the clients of the served dialects expect, the lowest first."""
        if self.settings.server.port is not None:
            return [self.settings.server.port]
        return sorted({dialect.default_port for dialect in self.dialects} or {Dialect.default_port})

    def _listen(self) -> list[socket.socket]:
        """Every dialect answers on every port. The first is needed; a further one may be taken, by a real Ollama."""
        host, (first, *others) = self.settings.server.host, self.ports()
        sockets = listen(host, first)
        for port in others:
            try:
                sockets += listen(host, port)
            except ConfigError as error:
                log.warning("%s Going on with port %d alone.", error.message, first)
        return sockets

    def _announce(self, sockets: list[socket.socket], ready: Ready) -> None:
        server = self.settings.server
        self.urls = urls(server.host, sockets)
        if not is_loopback(server.host) and not server.api_keys:
            log.warning(
                "Everybody who can reach this machine can use the server: it listens on %s without an API key. "
                "Set one with HEYLOOK_API_KEY or `server.api_keys`.",
                server.host,
            )
        model = self.serving.catalog.default or next((entry.id for entry in self.serving.models()), "MODEL")
        hints = (dialect.ready_line(self.urls[0], model) for dialect in self.dialects)
        ready(self.urls, tuple(hint for hint in hints if hint is not None))
        self.plugins.notify("server_started", urls=self.urls)

    async def _end(self, listening: asyncio.Task[None]) -> None:
        """Drain, unload, and let uvicorn send what is left. Every step has its limit."""
        await self._drained()
        self.plugins.notify("server_stopping")
        grace = HURRY_SECONDS if self._at_once.is_set() else CLOSE_SECONDS
        await _within(grace + 0.5, self.serving.close(grace))
        self._uvicorn.should_exit = True
        self._uvicorn.force_exit = self._at_once.is_set()
        await asyncio.wait({listening}, timeout=ANSWER_SECONDS + 1)

    async def _drained(self) -> None:
        """No new requests from here on; the running ones may end, until `drain_timeout` or a second signal."""
        seconds = self.settings.server.drain_timeout if self._drain else 0.0
        draining = asyncio.create_task(self.serving.drain(seconds))
        hurry = asyncio.create_task(self._at_once.wait())
        await asyncio.wait({draining, hurry}, return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, hurry):
            task.cancel()


async def _within(seconds: float, work: Coroutine[Any, Any, object]) -> None:
    """Wait for `work`, but no longer than that; what it raises is logged."""
    task = asyncio.create_task(work)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
    elif error := task.exception():
        log.error("The models could not be unloaded cleanly", exc_info=error)
