"""Loads that failed, remembered for a while: a broken file is not read again for every request."""

from __future__ import annotations

import math

from heylook_core.errors import LoadFailed, OutOfMemory
from heylook_core.keep_alive import Clock
from heylook_core.settings import ModelEntry


class Failures:
    """The last failure of each model, until its time is up or its entry is another one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[ModelEntry, LoadFailed, float]] = {}

    def add(self, entry: ModelEntry, error: LoadFailed, seconds: float) -> None:
        self._known[entry.id] = (entry, error, self._clock() + seconds)

    def forget(self, model_id: str) -> None:
        self._known.pop(model_id, None)

    def check(self, entry: ModelEntry) -> None:
        """Raise the error of a load that failed a moment ago."""
        failed, error, until = self._known.get(entry.id, (entry, None, 0.0))
        left = until - self._clock()
        if error is None or failed != entry or left <= 0:
            self.forget(entry.id)
            return
        kind = OutOfMemory if isinstance(error, OutOfMemory) else LoadFailed
        raise kind(f"{error.message} It is tried again in {math.ceil(left)} s.", retry_after=math.ceil(left))
