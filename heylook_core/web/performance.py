"""`GET /v1/performance`: what the server has done since it started, and its last hours for charts."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec

from heylook_core.dialect import Call, Reply, operation
from heylook_core.durations import Durations, merged
from heylook_core.errors import NotFound
from heylook_core.pages import Pages
from heylook_core.timeline import PARTS, SPANS, Slot, SlotModel, Timeline, added
from heylook_core.totals import OPERATIONS, ModelTotals, Totals

GIB = 1 << 30


class OperationTimes(msgspec.Struct, frozen=True):
    """Seconds of one kind of work, of requests that succeeded. `recent_avg` is over the last ten."""

    avg_time: float
    recent_avg: float
    min_time: float
    max_time: float
    p50_time: float
    p95_time: float
    count: int
    total_time: float


class ModelPerformance(msgspec.Struct, frozen=True):
    """One model since the server started. `error_rate` is the share (0 to 1) of requests that failed."""

    requests: int
    failed: int
    cancelled: int
    error_rate: float
    avg_tokens_per_second: float
    peak_tokens_per_second: float
    average_time_to_first_token: float
    average_load_time: float
    loads: int
    prompt_tokens: int
    generated_tokens: int
    cache_hit_rate: float
    memory_gb: float
    operations: dict[str, OperationTimes]


class PerformanceMetrics(msgspec.Struct, frozen=True):
    """Over all models; averages are those of requests that succeeded."""

    requests_processed: int
    total_tokens_generated: int
    average_tokens_per_second: float
    average_time_to_first_token: float
    operations: dict[str, OperationTimes]
    models: dict[str, ModelPerformance]


class PerformanceSummary(msgspec.Struct, frozen=True):
    """`cache_hit_rate` is the share (0 to 1) of prompt tokens that came from a kept prefix."""

    total_requests: int
    failed_requests: int
    cancelled_requests: int
    error_rate: float
    uptime_seconds: float
    cache_hit_rate: float
    memory_gb: float
    running: int
    waiting: int


class Performance(msgspec.Struct, frozen=True):
    metrics: PerformanceMetrics
    summary: PerformanceSummary


class TimingPart(msgspec.Struct, frozen=True):
    """What the time of requests went into; `percentage` is of all of it."""

    operation: str
    avg_time_ms: float
    count: int
    percentage: float


class ResourcePoint(msgspec.Struct, frozen=True):
    """One slot. `memory_gb` is the most that models held; `gpu_percent` is not measured."""

    timestamp: str
    memory_gb: float
    gpu_percent: float | None
    tokens_per_second: float
    requests: int


class Bottleneck(msgspec.Struct, frozen=True):
    """Where the time of one model's requests goes, the slowest model first. Milliseconds per request."""

    model: str
    avg_total_ms: float
    breakdown: dict[str, float]
    request_count: int


class TrendPoint(msgspec.Struct, frozen=True):
    """One slot, and by how many percent it differs from the one before; null where that cannot be said."""

    hour: str
    response_time_ms: float
    tokens_per_second: float
    requests: int
    errors: int
    response_time_change: float | None
    tps_change: float | None


class PerformanceProfile(msgspec.Struct, frozen=True):
    """The slots of a time range in which something happened, oldest first."""

    time_range: str
    slot_seconds: int
    timing_breakdown: list[TimingPart]
    resource_timeline: list[ResourcePoint]
    bottlenecks: list[Bottleneck]
    trends: list[TrendPoint]


class PerformancePages(Pages):
    """Figures to look at."""

    name = "performance"
    title = "Performance"
    prefixes = ("/v1/performance",)

    @operation("GET", "/v1/performance", summary="What the server has done since it started", response=Performance)
    async def performance(self, call: Call) -> Reply:
        held = {
            state.id: state.gauges.weights + state.gauges.live_kv + state.gauges.kept
            for state in await self.serving.states()
        }
        waiting = sum(run.phase in ("loading", "queued") for run in self.serving.requests.running)
        running = len(self.serving.requests.running) - waiting
        return _fresh(performance(self.serving.totals, held, running, waiting, time.time()))

    @operation(
        "GET",
        "/v1/performance/profile/{range}",
        summary="The last hours in slots: 1h, 6h, 24h or 7d",
        response=PerformanceProfile,
    )
    async def profile(self, call: Call) -> Reply:
        span = call.params["range"]
        timeline = self.serving.totals.timelines.get(span)
        if timeline is None:
            raise NotFound(f"There is no time range {span[:20]!r}; there are {', '.join(SPANS)}.")
        return _fresh(profile(span, timeline, time.time()))


def _fresh(body: object) -> Reply:
    return Reply(body=body, headers={"cache-control": "no-store"})


# ------------------------------------------------------------------ since the start


def performance(totals: Totals, held: dict[str, int], running: int, waiting: int, now: float) -> Performance:
    """`held` has the bytes of the models in memory."""
    models = list(totals.models.values())
    generation = sum(model.durations["generation"].total for model in models)
    requests, failed = sum(model.count() for model in models), sum(model.count("failed") for model in models)
    first = merged([model.durations["first_token"] for model in models])
    return Performance(
        metrics=PerformanceMetrics(
            requests_processed=sum(model.count("ok") for model in models),
            total_tokens_generated=sum(model.completion_tokens for model in models),
            average_tokens_per_second=_ratio(sum(model.decode_tokens for model in models), generation),
            average_time_to_first_token=first.mean,
            operations=_operations(models),
            models={id_: _model(model, held.get(id_, 0)) for id_, model in sorted(totals.models.items())},
        ),
        summary=PerformanceSummary(
            total_requests=requests,
            failed_requests=failed,
            cancelled_requests=sum(model.count("cancelled") for model in models),
            error_rate=_ratio(failed, requests),
            uptime_seconds=now - totals.started_at,
            cache_hit_rate=_hit_rate(models),
            memory_gb=sum(held.values()) / GIB,
            running=running,
            waiting=waiting,
        ),
    )


def _model(model: ModelTotals, held: int) -> ModelPerformance:
    loads = model.durations["model_loading"]
    return ModelPerformance(
        requests=model.count(),
        failed=model.count("failed"),
        cancelled=model.count("cancelled"),
        error_rate=_ratio(model.count("failed"), model.count()),
        avg_tokens_per_second=model.tokens_per_second,
        peak_tokens_per_second=model.peak_tokens_per_second,
        average_time_to_first_token=model.durations["first_token"].mean,
        average_load_time=loads.mean,
        loads=loads.count,
        prompt_tokens=model.prompt_tokens,
        generated_tokens=model.completion_tokens,
        cache_hit_rate=_hit_rate([model]),
        memory_gb=held / GIB,
        operations=_operations([model]),
    )


def _operations(models: list[ModelTotals]) -> dict[str, OperationTimes]:
    found = {name: merged([model.durations[name] for model in models]) for name in OPERATIONS}
    return {name: _times(durations) for name, durations in found.items() if durations.count}


def _times(seen: Durations) -> OperationTimes:
    return OperationTimes(
        avg_time=seen.mean,
        recent_avg=seen.recent_mean,
        min_time=seen.least,
        max_time=seen.most,
        p50_time=seen.quantile(0.5),
        p95_time=seen.quantile(0.95),
        count=seen.count,
        total_time=seen.total,
    )


def _hit_rate(models: list[ModelTotals]) -> float:
    return _ratio(sum(model.cached_tokens for model in models), sum(model.prompt_tokens for model in models))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


# ------------------------------------------------------------------ in slots


def profile(span: str, timeline: Timeline, now: float) -> PerformanceProfile:
    slots = timeline.slots(now)
    wholes = [slot.whole() for slot in slots]
    return PerformanceProfile(
        time_range=span,
        slot_seconds=timeline.step,
        timing_breakdown=_breakdown(added(wholes)),
        resource_timeline=[_resources(slot, timeline.step) for slot in slots],
        bottlenecks=_bottlenecks(slots),
        trends=_trends(slots, wholes),
    )


def _parts(model: SlotModel) -> dict[str, float]:
    """Seconds; what is left of the whole is `other`: reading images, and sending to slow clients."""
    known = dict(zip(PARTS, model.parts, strict=True))
    return {**known, "other": max(model.total - sum(model.parts), 0.0)}


def _breakdown(whole: SlotModel) -> list[TimingPart]:
    parts = _parts(whole)
    all_seconds = sum(parts.values())
    return [
        TimingPart(name, _ms(seconds, whole.ok), whole.ok, 100 * _ratio(seconds, all_seconds))
        for name, seconds in parts.items()
        if whole.ok
    ]


def _resources(slot: Slot, step: int) -> ResourcePoint:
    requests = sum(slot.outcomes.values())
    return ResourcePoint(_moment(slot), slot.memory_bytes / GIB, None, slot.tokens / step, requests)


def _bottlenecks(slots: list[Slot]) -> list[Bottleneck]:
    names = {name for slot in slots for name in slot.models}
    models = {name: added([slot.models[name] for slot in slots if name in slot.models]) for name in names}
    found = [_bottleneck(name, model) for name, model in models.items()]
    return sorted(found, key=lambda one: (-one.avg_total_ms, one.model))


def _bottleneck(name: str, model: SlotModel) -> Bottleneck:
    breakdown = {part: _ms(seconds, model.ok) for part, seconds in _parts(model).items()}
    breakdown["first_token"] = _ms(model.first_token, model.firsts)
    return Bottleneck(name, _ms(model.total, model.ok), breakdown, model.ok)


def _trends(slots: list[Slot], wholes: list[SlotModel]) -> list[TrendPoint]:
    points: list[TrendPoint] = []
    before: tuple[float, float] | None = None
    for slot, whole in zip(slots, wholes, strict=True):
        now = (_ms(whole.total, whole.ok), _ratio(whole.decode_tokens, whole.parts[PARTS.index("token_generation")]))
        changes = (None, None) if before is None else (_change(before[0], now[0]), _change(before[1], now[1]))
        points.append(
            TrendPoint(_moment(slot), now[0], now[1], sum(slot.outcomes.values()), slot.outcomes["failed"], *changes)
        )
        before = now if whole.ok else before
    return points


def _change(before: float, now: float) -> float | None:
    return 100 * (now - before) / before if before else None


def _ms(seconds: float, count: int) -> float:
    return 1000 * _ratio(seconds, count)


def _moment(slot: Slot) -> str:
    return datetime.fromtimestamp(slot.start, UTC).isoformat()
