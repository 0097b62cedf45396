"""Durations added up: for averages, for Prometheus histograms, and for quantiles."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

from heylook_core.quantiles import Quantiles

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 150.0, 600.0)
RECENT = 10


class Durations:
    """Seconds of one kind, in bounded memory. `counts` are those up to each of BOUNDS, and beyond the last."""

    __slots__ = ("count", "counts", "least", "most", "quantiles", "recent", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.least = 0.0
        self.most = 0.0
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.counts = [0] * (len(BOUNDS) + 1)
        self.quantiles = Quantiles()

    def add(self, seconds: float) -> None:
        if seconds > self.most or not self.count:
            self.most = seconds
        if seconds < self.least or not self.count:
            self.least = seconds
        self.count += 1
        self.total += seconds
        self.recent.append(seconds)
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.quantiles.add(seconds)

    def quantile(self, share: float) -> float:
        """The duration that `share` of them do not exceed, within a few percent."""
        return min(max(self.quantiles.at(share), self.least), self.most)

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    @property
    def recent_mean(self) -> float:
        """Of the last ten."""
        return sum(self.recent) / len(self.recent) if self.recent else 0.0


def merged(parts: list[Durations]) -> Durations:
    """All of them as one; the recent ones are those of the last part that has any."""
    whole = Durations()
    for part in parts:
        if not part.count:
            continue
        whole.least = min(whole.least, part.least) if whole.count else part.least
        whole.most = max(whole.most, part.most)
        whole.count += part.count
        whole.total += part.total
        whole.recent.extend(part.recent)
        whole.counts = [one + other for one, other in zip(whole.counts, part.counts, strict=True)]
        whole.quantiles.merge(part.quantiles)
    return whole
