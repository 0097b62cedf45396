"""Work on a model that is no generation, while it waits and while it is done in slices."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heylook_core.messages import Event, Finished, Timings, Usage, Vectors
from heylook_core.provider import Job


class QueuedJob:
    """A job and its times, by the loop's clock in seconds: `since` when it waits, and when its first slice began."""

    def __init__(self, rid: int, job: Job, since: float) -> None:
        self.rid = rid
        self.job = job
        self.since = since
        self.begun: float | None = None

    def begin(self, now: float) -> None:
        if self.begun is None:
            self.begun = now

    def ended(self, events: Sequence[Event], now: float) -> list[Event]:
        """Its last events, with a Finished that has the times; made here where the job gave its result and no more."""
        begun = self.begun if self.begun is not None else now
        timings = Timings(queue=begun - self.since, prefill=now - begun)
        if not any(isinstance(event, Finished) for event in events):
            tokens = sum(sum(event.tokens) for event in events if isinstance(event, Vectors))
            return [*events, Finished(0, "stop", Usage(prompt=tokens), timings)]
        return [
            msgspec.structs.replace(event, timings=timings)
            if isinstance(event, Finished) and event.timings == Timings()
            else event
            for event in events
        ]
