"""Child processes for workers, one of which is started before it is needed."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from typing import NamedTuple

log = logging.getLogger(__name__)

# After a model is ready its first answers have the processor, and then the next child is started.
AHEAD_SECONDS = 1.0


class Child(NamedTuple):
    """A process that waits for a Load on the other end of `sock`."""

    process: subprocess.Popen[bytes]
    sock: socket.socket

    def end(self) -> None:
        """End one that was never used."""
        self.sock.close()
        self.process.kill()
        self.process.wait()


class Children:
    """Starts children. With `ahead`, one waits from some time after the first was used. Event loop only.

    An interpreter that has imported what a worker needs is a fifth of a second of CPU and more: for a small model half
    of its load. It waits with some 40 MB and no backend.
    """

    def __init__(self, disabled: tuple[str, ...] = (), ahead: bool = False) -> None:
        self._disabled = disabled
        self._ahead = ahead
        self._waiting: Child | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int | None:
        """The process id of the one that waits."""
        return self._waiting.process.pid if self._waiting is not None else None

    def take(self) -> Child:
        """The one that waits, or a new one where none does or it has died."""
        found, self._waiting = self._waiting, None
        if found is not None:
            if found.process.poll() is None:
                return found
            found.end()
        return self._start()

    def used(self) -> None:
        """A child has loaded its model: have the next one wait, soon."""
        if self._ahead and self._waiting is None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AHEAD_SECONDS, self._start_ahead)

    def close(self) -> None:
        """End the one that waits. What was taken belongs to its channel."""
        self._ahead = False
        if self._timer is not None:
            self._timer.cancel()
        found, self._waiting = self._waiting, None
        if found is not None:
            found.end()

    def _start_ahead(self) -> None:
        self._timer = None
        try:
            self._waiting = self._waiting or self._start()
        except OSError as error:
            log.warning("no worker process could be started ahead: %s", error)

    def _start(self) -> Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        level = logging.getLevelName(logging.getLogger().getEffectiveLevel())
        with theirs:
            command = [sys.executable, "-m", "heylook_core.workers.child", str(theirs.fileno()), level, *self._disabled]
            # In a group of its own: Ctrl-C in a terminal is for the server, and would catch a child at its imports.
            process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, process_group=0)
        return Child(process, ours)
