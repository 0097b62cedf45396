"""One turn's events, collected per request and merged when frames pile up."""

from __future__ import annotations

from collections.abc import Iterable

from heylook_core.messages import Event, Reasoning, Text, ToolArgs
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
    """Append, joining text, reasoning and arguments to what came just before of the same choice and call."""
    if events and type(event) is type(events[-1]):
        joined = _joined(events[-1], event)
        if joined is not None:
            events[-1] = joined
            return
    events.append(event)


def _joined(last: Event, event: Event) -> Event | None:
    match last, event:
        case Text(choice, before), Text(same, text) if same == choice:
            return Text(choice, before + text)
        case Reasoning(choice, before), Reasoning(same, text) if same == choice:
            return Reasoning(choice, before + text)
        case ToolArgs(choice, call, before), ToolArgs(same, same_call, text) if (same, same_call) == (choice, call):
            return ToolArgs(choice, call, before + text)
    return None


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
