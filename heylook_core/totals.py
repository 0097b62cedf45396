"""What the server has done since it started, added up: for /metrics and /v1/performance. Event loop only."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from heylook_core.analytics import RequestRecord
from heylook_core.durations import Durations
from heylook_core.hookspecs import hookimpl
from heylook_core.timeline import SPANS, Timeline

if TYPE_CHECKING:
    from heylook_core.analytics import Exchanged
    from heylook_core.provider import ModelInfo
    from heylook_core.residency_events import ResidencyEvent
    from heylook_core.settings import ModelEntry

MOST_MODELS = 256
NONE, OTHER = "(none)", "(other)"
OPERATIONS = ("queue", "model_loading", "prompt", "first_token", "generation", "inter_token", "request")


class ModelTotals:
    """One model. Durations are those of requests that succeeded; counts of tokens are those of all."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()  # by dialect, kind and outcome
        self.errors: Counter[str] = Counter()
        self.finishes: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.completion_tokens = 0
        self.reasoning_tokens = 0
        self.images = 0
        self.audio_seconds = 0.0
        self.peak_tokens_per_second = 0.0
        self.decode_tokens = 0
        self.durations = {name: Durations() for name in OPERATIONS}
        self.per_token = Durations()
        self.events: Counter[str] = Counter()

    def add(self, record: RequestRecord) -> None:
        self.requests[record.dialect, record.kind, record.outcome] += 1
        self.prompt_tokens += record.prompt_tokens
        self.cached_tokens += record.cached_tokens
        self.completion_tokens += record.completion_tokens
        self.reasoning_tokens += record.reasoning_tokens
        self.images += record.images
        self.audio_seconds += record.audio_seconds
        if record.error is not None:
            self.errors[record.error] += 1
        if record.outcome == "ok":
            if record.finish is not None:
                self.finishes[record.finish] += 1
            self._add_durations(record)

    def _add_durations(self, record: RequestRecord) -> None:
        seen = self.durations
        seen["request"].add(record.total_seconds)
        seen["queue"].add(record.queue_seconds)
        if record.prefill_seconds:
            seen["prompt"].add(record.prefill_seconds)
        if record.first_token_seconds:
            seen["first_token"].add(record.first_token_seconds)
        if record.completion_tokens > 1:
            seen["generation"].add(record.decode_seconds)
            seen["inter_token"].add(record.gap_p50_seconds)
            self.per_token.add(record.decode_seconds / (record.completion_tokens - 1))
            self.decode_tokens += record.completion_tokens - 1
            self.peak_tokens_per_second = max(self.peak_tokens_per_second, record.tokens_per_second)

    def count(self, outcome: str | None = None) -> int:
        return sum(count for (_, _, found), count in self.requests.items() if outcome in (None, found))

    @property
    def tokens_per_second(self) -> float:
        """Over all answers: tokens after the first by the time they took."""
        seconds = self.durations["generation"].total
        return self.decode_tokens / seconds if seconds else 0.0


class Totals:
    """Implements the hooks that it counts. Models are those that exist: what nobody has is `(none)`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.started_at = clock()
        self.models: dict[str, ModelTotals] = {}
        self.timelines = {name: Timeline(step, count) for name, (step, count) in SPANS.items()}

    def of(self, model: str) -> ModelTotals:
        """Made at first need, but for no more than MOST_MODELS names."""
        if model not in self.models and len(self.models) >= MOST_MODELS:
            model = OTHER
        if model not in self.models:
            self.models[model] = ModelTotals()
        return self.models[model]

    @hookimpl
    def request_finished(self, record: RequestRecord, content: Exchanged | None) -> None:
        model, now = record.model if record.provider else NONE, self._clock()
        self.of(model).add(record)
        for timeline in self.timelines.values():
            timeline.at(now).add(model, record)

    @hookimpl
    def model_loaded(self, entry: ModelEntry, info: ModelInfo, seconds: float) -> None:
        self.of(entry.id).durations["model_loading"].add(seconds)

    @hookimpl
    def residency_event(self, event: ResidencyEvent) -> None:
        self.of(event.model).events[event.decision] += 1

    def memory(self, nbytes: int) -> None:
        """What models hold now, for the timelines."""
        for timeline in self.timelines.values():
            slot = timeline.at(self._clock())
            slot.memory_bytes = max(slot.memory_bytes, nbytes)
