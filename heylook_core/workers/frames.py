"""One turn's events, collected per request and merged when frames pile up."""

from __future__ import annotations

from collections.abc import Iterable

from heylook_core.messages import Event, Text
from heylook_core.workers.protocol import Gauges, Turn

# Frames that follow each other faster than this are merged. A wake of the event loop costs several tokens' worth of
# work, and nobody sees text change 500 times a second; a frame after a longer pause is never held back.
FRAME_SECONDS = 0.002


class TurnFrame:
    """Collects what one turn emits; `take` hands it out as a message and starts anew. One thread."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._items: dict[int, list[Event]] = {}

    def emit(self, rid: int, events: Iterable[Event]) -> None:
        found = self._items.setdefault(rid, [])
        for event in events:
            append_merged(found, event)

    def take(self, gauges: Gauges | None = None) -> Turn | None:
        """The frame, or None when there is nothing to tell."""
        if not self._items and gauges is None:
            return None
        items, self._items = list(self._items.items()), {}
        return Turn(self._epoch, items, gauges)


def append_merged(events: list[Event], event: Event) -> None:
    """Append, joining text to the text before it of the same choice."""
    if type(event) is Text and events:
        last = events[-1]
        if type(last) is Text and last.choice == event.choice:
            events[-1] = Text(event.choice, last.text + event.text)
            return
    events.append(event)


def merge_turns(turns: list[Turn]) -> Turn:
    """Several frames of one epoch as one, in order; the newest gauges count."""
    if len(turns) == 1:
        return turns[0]
    frame = TurnFrame(turns[-1].epoch)
    gauges: Gauges | None = None
    for turn in turns:
        gauges = turn.gauges or gauges
        for rid, events in turn.items:
            frame.emit(rid, events)
    return frame.take(gauges) or turns[-1]
