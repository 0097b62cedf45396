"""The last hours in slots of equal length, for charts: bounded, whatever comes. Event loop only."""

from __future__ import annotations

from collections import Counter

from heylook_core.analytics import RequestRecord

# Seconds of a slot, and how many are kept.
SPANS = {"1h": (60, 60), "6h": (300, 72), "24h": (900, 96), "7d": (3600, 168)}
MOST_MODELS = 64
PARTS = ("queue", "model_load", "prompt", "token_generation")


class SlotModel:
    """Sums of one model's requests in one slot; seconds are those of requests that succeeded."""

    __slots__ = ("decode_tokens", "first_token", "firsts", "ok", "parts", "total")

    def __init__(self) -> None:
        self.ok = 0
        self.total = 0.0
        self.parts = [0.0] * len(PARTS)
        self.first_token = 0.0
        self.firsts = 0
        self.decode_tokens = 0

    def add(self, record: RequestRecord) -> None:
        self.ok += 1
        self.total += record.total_seconds
        parts = self.parts
        parts[0] += record.queue_seconds
        parts[1] += record.load_seconds
        parts[2] += record.prefill_seconds
        parts[3] += record.decode_seconds
        if record.first_token_seconds:
            self.first_token += record.first_token_seconds
            self.firsts += 1
        self.decode_tokens += max(record.completion_tokens - 1, 0)

    def merge(self, other: SlotModel) -> None:
        self.ok += other.ok
        self.total += other.total
        self.parts = [one + two for one, two in zip(self.parts, other.parts, strict=True)]
        self.first_token += other.first_token
        self.firsts += other.firsts
        self.decode_tokens += other.decode_tokens


class Slot:
    """What happened between `start` (Unix time) and the next slot."""

    __slots__ = ("memory_bytes", "models", "outcomes", "start", "tokens")

    def __init__(self, start: float) -> None:
        self.start = start
        self.outcomes: Counter[str] = Counter()
        self.tokens = 0
        self.memory_bytes = 0
        self.models: dict[str, SlotModel] = {}

    def add(self, model: str, record: RequestRecord) -> None:
        self.outcomes[record.outcome] += 1
        self.tokens += record.completion_tokens
        if record.outcome == "ok":
            name = model if model in self.models or len(self.models) < MOST_MODELS else "(other)"
            if name not in self.models:
                self.models[name] = SlotModel()
            self.models[name].add(record)

    def whole(self) -> SlotModel:
        """All models together."""
        return added(list(self.models.values()))


def added(parts: list[SlotModel]) -> SlotModel:
    whole = SlotModel()
    for part in parts:
        whole.merge(part)
    return whole


class Timeline:
    """Slots of `step` seconds; no more than `most` are kept, oldest first."""

    def __init__(self, step: int, most: int) -> None:
        self.step = step
        self._most = most
        self._slots: dict[int, Slot] = {}

    def at(self, now: float) -> Slot:
        """The slot of this moment, made if need be; those that are too old by then are dropped."""
        number = int(now // self.step)
        if number not in self._slots:
            self._slots[number] = Slot(number * self.step)
            for old in [known for known in self._slots if known <= number - self._most]:
                del self._slots[old]
        return self._slots[number]

    def slots(self, now: float) -> list[Slot]:
        """Those that are not too old, in order of time; a slot in which nothing happened is left out."""
        newest = int(now // self.step)
        return [self._slots[number] for number in sorted(self._slots) if newest - self._most < number <= newest]
