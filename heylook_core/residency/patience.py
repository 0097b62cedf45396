"""Requests without end must not keep a model out: in the end a busy model takes no new ones for a while."""

from __future__ import annotations

from collections.abc import Sequence

from heylook_core.residency.books import Books
from heylook_core.residency.resident import Resident, now

# The shortest time for which a model takes no new requests, where nobody had to wait for that.
SHORTEST = 1.0


class Patience:
    """One newcomer's: after `seconds` a busy model makes way, which is to take no new requests.

    It does so for as long as the newcomer has waited by then, so nobody is held back for longer than that. If its
    running requests do not end in time (a live session may last for hours) it goes on, and after as long again it is
    the turn of another one. `until` is when the next turn comes, by the event loop's clock.
    """

    def __init__(self, newcomer: Resident, seconds: float, books: Books) -> None:
        self._newcomer = newcomer
        self._books = books
        self._began = now()
        self._asked: list[Resident] = []
        self._yielding: Resident | None = None
        self.until = self._began + seconds

    def turn(self, others: Sequence[Resident]) -> bool:
        """Begin or end to hold requests back, if it is time; True where one goes on that made way in vain."""
        gone = self._yielding is not None and not self._books.has(self._yielding)
        if now() < self.until and not gone:
            return False
        if self.end() and not gone:
            self.until = now() + self._waited
            return True
        self._begin([found for found in others if found.state == "ready" and not found.entry.pin])
        return False

    @property
    def _waited(self) -> float:
        return max(now() - self._began, SHORTEST)

    def _begin(self, busy: Sequence[Resident]) -> None:
        """The one that was asked least often, and of these the one that has been loaded longest."""
        self.until = now() + self._waited
        if not busy:
            return
        self._yielding = min(busy, key=lambda found: (self._asked.count(found), found.since))
        self._yielding.yields = True
        self._asked.append(self._yielding)
        reason = (
            f"{self._newcomer.entry.id} has waited for {now() - self._began:.0f} s: "
            f"new requests wait until it is in, for {self._waited:.0f} s at most."
        )
        self._books.tell("yielding", self._yielding, reason)

    def end(self) -> bool:
        """Requests go on; False if none were held back."""
        if self._yielding is None:
            return False
        self._yielding.yields, self._yielding = False, None
        return True
