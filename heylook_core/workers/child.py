"""The child process of a ProcessChannel: `python -m heylook_core.workers.child FD LEVEL [DISABLED…]`.

Main thread: engine. Inbox thread: reads messages; when the server's end closes, the process ends at once, even if
the engine hangs. Outbox thread: writes frames, merging those that pile up, so that the engine never blocks. Log lines
are frames too; what native code writes to stderr itself stays there.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from itertools import groupby
from queue import SimpleQueue

from heylook_core.plugins import Plugins
from heylook_core.workers import wire
from heylook_core.workers.frames import FRAME_SECONDS, merge_turns
from heylook_core.workers.lines import log_to_server
from heylook_core.workers.protocol import FromWorker, Load, Turn
from heylook_core.workers.threads import leave
from heylook_core.workers.worker import SWITCH_SECONDS, Worker

NEEDED = ("heylook_core.batching.loop", "heylook_core.text.prompt")
"""What nearly every model needs, imported by a child that was started ahead: nobody waits for it yet."""


class Outbox:
    """Writes frames in order on a thread of its own, at most one in `FRAME_SECONDS`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._queue: SimpleQueue[FromWorker | None] = SimpleQueue()
        self._next_at = 0.0
        self._thread = threading.Thread(target=self._write_all, name="outbox", daemon=True)
        self._thread.start()

    def put(self, message: FromWorker) -> None:
        self._queue.put(message)

    def close(self) -> None:
        """Write what is left and end."""
        self._queue.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while True:
            for message in _merged(self._take()):
                if message is None:
                    return
                self._sock.sendall(wire.pack(message))
            self._next_at = time.monotonic() + FRAME_SECONDS

    def _take(self) -> list[FromWorker | None]:
        """Everything that waits, at least one message."""
        found = [self._queue.get()]
        time.sleep(max(self._next_at - time.monotonic(), 0.0))
        while not self._queue.empty():
            found.append(self._queue.get())
        return found


def _merged(messages: list[FromWorker | None]) -> Iterator[FromWorker | None]:
    for is_turn, run in groupby(messages, lambda message: isinstance(message, Turn)):
        if is_turn:
            yield merge_turns([message for message in run if isinstance(message, Turn)])
        else:
            yield from run


def read_inbox(sock: socket.socket, worker: Worker, rest: wire.FrameBuffer) -> None:
    """Pass messages on until the server is gone; then nothing here has a purpose any more."""
    while data := _receive(sock):
        for frame in rest.feed(data):
            worker.receive(wire.to_worker.decode(frame))
    os._exit(1)


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1 << 16)
    except OSError:
        return b""


def first_message(sock: socket.socket, buffer: wire.FrameBuffer) -> tuple[Load, list[bytes]]:
    while data := sock.recv(1 << 16):
        frames = list(buffer.feed(data))
        if frames:
            message = wire.to_worker.decode(frames[0])
            if isinstance(message, Load):
                return message, frames[1:]
            break
    raise SystemExit(0)  # the server has ended, or needs no child any more


def arrived(sock: socket.socket) -> bool:
    """Whether there is something to read. `select` would refuse the high descriptors of a server with many clients."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def main(arguments: list[str]) -> None:
    descriptor, level, *disabled = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faulthandler.enable()
    sys.setswitchinterval(SWITCH_SECONDS)
    sock = socket.socket(fileno=int(descriptor))
    if not arrived(sock):
        for name in NEEDED:
            importlib.import_module(name)
    buffer = wire.FrameBuffer()
    load, rest = first_message(sock, buffer)
    outbox = Outbox(sock)
    log_to_server(level, load.epoch, outbox.put)
    plugins = Plugins(disabled=tuple(disabled))
    worker = Worker(load, plugins.load, outbox.put)
    for frame in rest:
        worker.receive(wire.to_worker.decode(frame))
    threading.Thread(target=read_inbox, args=(sock, worker, buffer), name="inbox", daemon=True).start()
    try:
        worker.run()
    finally:
        leave(worker.backend)
        outbox.close()
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
