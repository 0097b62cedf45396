"""Quantiles of durations in bounded memory: counts in buckets that grow by a sixteenth of an octave."""

from __future__ import annotations

from math import log2

STEPS = 16
LEAST = 1e-6
_OFFSET = STEPS * 20  # log2(LEAST) is just above -20: every index is positive, so int() rounds down


class Quantiles:
    """Seconds as they come; a quantile is within 2.2 % of one of them. One addition costs about 0.3 us.

    Between a microsecond and a day there are some 600 buckets, of which those that occur are kept.
    """

    __slots__ = ("_buckets", "count")

    def __init__(self) -> None:
        self.count = 0
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        at = int(log2(seconds) * STEPS + _OFFSET) if seconds > LEAST else 0
        self._buckets[at] = self._buckets.get(at, 0) + 1
        self.count += 1

    def at(self, share: float) -> float:
        """The duration that `share` (0 to 1) of all do not exceed; 0.0 where there is none."""
        left = share * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return _middle(bucket) if bucket else LEAST
        return 0.0

    def merge(self, other: Quantiles) -> None:
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += other.count


def _middle(bucket: int) -> float:
    middle: float = 2.0 ** ((bucket - _OFFSET + 0.5) / STEPS)
    return middle


class Gaps:
    """The pauses between the tokens of one answer, as `now` tells of each token."""

    __slots__ = ("_last", "_seen")

    def __init__(self) -> None:
        self._last = 0.0
        self._seen = Quantiles()

    def token(self, now: float) -> None:
        """A token came at this time of a monotonic clock."""
        if self._last:
            self._seen.add(now - self._last)
        self._last = now

    def at(self, share: float) -> float:
        return self._seen.at(share)
