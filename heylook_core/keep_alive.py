"""How long an idle model stays in memory."""

from __future__ import annotations

import math
from collections.abc import Callable

Clock = Callable[[], float]


class KeepAlive:
    """One model's time to live, counted from the end of its last request. Event loop only.

    `seconds` infinite means for ever. `clock` is Unix time and not a monotonic clock: what `expires_at` tells is
    then what happens, also on a machine that slept meanwhile.
    """

    def __init__(self, seconds: float | None, clock: Clock) -> None:
        self.seconds = math.inf if seconds is None else seconds
        self._clock = clock
        self._since = clock()

    def ask(self, seconds: float | None) -> None:
        """A request wants `seconds`, counted from its end; None keeps what the request before it wanted."""
        if seconds is not None:
            self.seconds = seconds

    def restart(self) -> None:
        """The model was used just now."""
        self._since = self._clock()

    @property
    def expires_at(self) -> float | None:
        """Unix time; None for never."""
        return None if math.isinf(self.seconds) else self._since + self.seconds

    @property
    def expired(self) -> bool:
        ends = self.expires_at
        return ends is not None and self._clock() >= ends
