"""Every model in memory, and what was decided about it: to the log, to the list of events, to every plugin."""

from __future__ import annotations

import logging
import time

from heylook_core.plugins import Plugins
from heylook_core.quantities import size
from heylook_core.residency.resident import Resident
from heylook_core.residency_events import Decision, ResidencyEvent, ResidencyLog

log = logging.getLogger(__name__)

_LEVELS = {"failed": logging.ERROR, "lost": logging.ERROR, "hung": logging.ERROR, "refused": logging.WARNING}


class Books:
    """The residents by id, in the order in which they came, and the last decisions. Event loop only."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self.log = ResidencyLog()
        self.closing = False
        self._residents: dict[str, Resident] = {}

    def all(self) -> list[Resident]:
        return list(self._residents.values())

    def get(self, model_id: str) -> Resident | None:
        return self._residents.get(model_id)

    def has(self, resident: Resident) -> bool:
        return self._residents.get(resident.entry.id) is resident

    def add(self, resident: Resident) -> None:
        self._residents[resident.entry.id] = resident

    def remove(self, resident: Resident, short: str) -> None:
        """It is gone; nothing happens if it was removed before."""
        if self.has(resident):
            del self._residents[resident.entry.id]
            self.plugins.notify("model_unloaded", model_id=resident.entry.id, reason=short)

    def tell(
        self, decision: Decision, resident: Resident, reason: str, *, nbytes: int = 0, seconds: float = 0.0
    ) -> None:
        """A decision with its reason."""
        model = resident.entry.id
        event = ResidencyEvent(
            at=time.time(), decision=decision, model=model, reason=reason, bytes=nbytes, seconds=seconds
        )
        figures = f" ({size(nbytes)}, {seconds:.1f} s)" if nbytes else ""
        log.log(_LEVELS.get(decision, logging.INFO), "model %s is %s: %s%s", model, decision, reason, figures)
        self.log.add(event)
        self.plugins.notify("residency_event", event=event)
