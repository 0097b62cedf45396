"""How the rest of the server learns that a client has left."""

from __future__ import annotations

from collections.abc import Callable


class Departure:
    """Whether the client has left. Event loop only; a callback added after that is called at once."""

    def __init__(self) -> None:
        self.happened = False
        self._callbacks: list[Callable[[], None]] = []

    def add(self, callback: Callable[[], None]) -> None:
        if self.happened:
            callback()
        else:
            self._callbacks.append(callback)

    def announce(self) -> None:
        if not self.happened:
            self.happened = True
            for callback in self._callbacks:
                callback()
            self._callbacks.clear()
