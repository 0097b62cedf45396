"""Stop strings: found exactly, across any split of the text, and never emitted."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Passes text on, holding back only the tail that could still become a stop string.

    After a match `stopped` is true, the text before the match has been returned, and nothing more comes.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """The part of all text so far that is certain not to belong to a stop string."""
        if not self._stops:
            return text
        if self.stopped:
            return ""
        text = self._held + text
        start = self._first_match(text)
        if start is not None:
            self.stopped, self._held = True, ""
            return text[:start]
        keep = self._possible_tail(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self) -> str:
        """What was held back: no more text comes, so it is not a stop string."""
        held, self._held = self._held, ""
        return held

    def _first_match(self, text: str) -> int | None:
        """Where the stop string begins that is complete first, so that the split of the text makes no difference."""
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        return min(found)[1] if found else None

    def _possible_tail(self, text: str) -> int:
        """Length of the longest tail of `text` that begins some stop string."""
        for size in range(min(self._longest - 1, len(text)), 0, -1):
            tail = text[len(text) - size :]
            if any(stop.startswith(tail) for stop in self._stops):
                return size
        return 0
