"""`GET /metrics`: the totals in the words of Prometheus. docs/reference/metrics.md lists every name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from heylook_core import __version__
from heylook_core.dialect import Call, Reply, operation
from heylook_core.durations import Durations
from heylook_core.pages import Pages
from heylook_core.totals import ModelTotals, Totals
from heylook_core.web.exposition import counter, gauge, histogram

if TYPE_CHECKING:
    from heylook_core.residency import ModelState
    from heylook_core.running import Run
    from heylook_core.serving import Serving

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPages(Pages):
    """Figures to scrape."""

    name = "metrics"
    title = "Metrics"
    prefixes = ("/metrics",)

    @operation("GET", "/metrics", summary="Figures for Prometheus", media="text/plain")
    async def metrics(self, call: Call) -> Reply:
        """The workers' figures are those of their last turn: nobody is asked, so that a scrape takes no time."""
        return Reply(body=written(Figures.of(self.serving)), content_type=CONTENT_TYPE)


class Figures(NamedTuple):
    """What there is to tell: totals, models in memory, and requests that are not over."""

    totals: Totals
    states: Sequence[ModelState]
    runs: Sequence[Run]

    @classmethod
    def of(cls, serving: Serving) -> Figures:
        return cls(serving.totals, serving.residency.states(), serving.requests.running)


def written(figures: Figures) -> bytes:
    """Every family, whether anything has happened yet or not."""
    return "".join(families(figures)).encode() + _process()


def families(figures: Figures) -> Iterator[str]:
    models = figures.totals.models
    yield gauge("heylook_info", "The version that runs.", [({"version": __version__}, 1)])
    yield gauge("heylook_start_time_seconds", "Unix time at the start.", [({}, figures.totals.started_at)])
    for counted in COUNTED:
        yield counter(
            counted.name, counted.text, [(_model(counted.name, id_), counted.of(models[id_])) for id_ in models]
        )
    yield from _tallies(models)
    for seen in HISTOGRAMS:
        rows = [(_model(seen.name, id_), seen.of(totals)) for id_, totals in models.items()]
        yield histogram(seen.name, seen.text, [(labels, durations) for labels, durations in rows if durations.count])
    yield from _in_memory(figures.states)
    yield from _under_way(figures)
    yield from _llama_cpp(figures)


def _process() -> bytes:
    """The process's own memory, time and files, where the platform tells them."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _model(name: str, id_: str) -> dict[str, str]:
    """heylook's own label for a model, or vLLM's."""
    return {"model_name" if name.startswith("vllm:") else "model": id_}


# ------------------------------------------------------------------ since the start


class _Counted(NamedTuple):
    name: str
    text: str
    of: Callable[[ModelTotals], float]


COUNTED = (
    _Counted("heylook_prompt_tokens", "Tokens of prompts, cached ones included.", lambda one: one.prompt_tokens),
    _Counted("heylook_cached_tokens", "Tokens of prompts that came from a kept prefix.", lambda one: one.cached_tokens),
    _Counted("heylook_generated_tokens", "Tokens generated.", lambda one: one.completion_tokens),
    _Counted("heylook_reasoning_tokens", "Generated tokens that were reasoning.", lambda one: one.reasoning_tokens),
    _Counted("heylook_images", "Images in requests.", lambda one: one.images),
    _Counted("heylook_audio_seconds", "Seconds of audio in requests.", lambda one: one.audio_seconds),
    _Counted("vllm:prompt_tokens", "As heylook_prompt_tokens_total.", lambda one: one.prompt_tokens),
    _Counted("vllm:generation_tokens", "As heylook_generated_tokens_total.", lambda one: one.completion_tokens),
    _Counted("vllm:prefix_cache_queries", "As heylook_prompt_tokens_total.", lambda one: one.prompt_tokens),
    _Counted("vllm:prefix_cache_hits", "As heylook_cached_tokens_total.", lambda one: one.cached_tokens),
)


class _Seen(NamedTuple):
    name: str
    text: str
    of: Callable[[ModelTotals], Durations]


def _timed(name: str, text: str, operation: str) -> _Seen:
    return _Seen(name, text, lambda one: one.durations[operation])


HISTOGRAMS = (
    _timed("heylook_request_seconds", "Whole requests.", "request"),
    _timed("heylook_queue_seconds", "Waiting for a place in the model.", "queue"),
    _timed("heylook_prompt_seconds", "Reading the prompt.", "prompt"),
    _timed("heylook_first_token_seconds", "From arrival to the first token.", "first_token"),
    _timed("heylook_generation_seconds", "From the first token to the last.", "generation"),
    _timed("heylook_inter_token_seconds", "Median pause between tokens of a request.", "inter_token"),
    _timed("heylook_model_load_seconds", "Loading a model.", "model_loading"),
    _timed("vllm:e2e_request_latency_seconds", "As heylook_request_seconds.", "request"),
    _timed("vllm:request_queue_time_seconds", "As heylook_queue_seconds.", "queue"),
    _timed("vllm:request_prefill_time_seconds", "As heylook_prompt_seconds.", "prompt"),
    _timed("vllm:time_to_first_token_seconds", "As heylook_first_token_seconds.", "first_token"),
    _timed("vllm:request_decode_time_seconds", "As heylook_generation_seconds.", "generation"),
    _Seen(
        "vllm:request_time_per_output_token_seconds",
        "Mean pause between tokens of a request.",
        lambda one: one.per_token,
    ),
)


def _tallies(models: dict[str, ModelTotals]) -> Iterator[str]:
    """Counts with further labels than the model."""
    yield counter(
        "heylook_requests",
        "Requests that are over.",
        [
            ({"model": id_, "dialect": dialect, "kind": kind, "outcome": outcome}, count)
            for id_, totals in models.items()
            for (dialect, kind, outcome), count in totals.requests.items()
        ],
    )
    yield counter(
        "heylook_errors",
        "Requests that failed or were cancelled, by kind of error.",
        [({"model": id_, "error": name}, count) for id_, one in models.items() for name, count in one.errors.items()],
    )
    yield counter(
        "heylook_residency_events",
        "Decisions about models in memory.",
        [
            ({"model": id_, "decision": name}, count)
            for id_, one in models.items()
            for name, count in one.events.items()
        ],
    )
    yield counter(
        "vllm:request_success",
        "Requests that succeeded.",
        [
            ({"model_name": id_, "finished_reason": name}, count)
            for id_, one in models.items()
            for name, count in one.finishes.items()
        ],
    )


# ------------------------------------------------------------------ now


def _in_memory(states: Sequence[ModelState]) -> Iterator[str]:
    yield gauge(
        "heylook_model_state",
        "1 for the state that a model in memory is in.",
        [({"model": one.id, "state": one.state}, 1) for one in states],
    )
    parts = [("weights", "weights"), ("live_kv", "live_kv"), ("kept", "kept")]
    yield gauge(
        "heylook_model_bytes",
        "What a model holds.",
        [({"model": one.id, "part": part}, getattr(one.gauges, field)) for one in states for part, field in parts],
    )
    yield gauge(
        "heylook_prefix_entries", "Kept prefixes in memory.", [({"model": s.id}, s.gauges.entries) for s in states]
    )
    yield counter(
        "heylook_prefix_lookups", "Since the model was loaded.", [({"model": s.id}, s.gauges.lookups) for s in states]
    )
    yield counter(
        "heylook_prefix_hits", "Since the model was loaded.", [({"model": s.id}, s.gauges.hits) for s in states]
    )


def _under_way(figures: Figures) -> Iterator[str]:
    """Of every model that is in memory or asked for."""
    ids = dict.fromkeys([*(state.id for state in figures.states), *(run.origin.model for run in figures.runs)])
    counts = {id_: phases(figures.runs, id_) for id_ in ids}
    texts = ("Requests that a model works on.", "Requests that wait for a model.")
    for at, (phase, text) in enumerate(zip(("running", "waiting"), texts, strict=True)):
        for name in (f"heylook_requests_{phase}", f"vllm:num_requests_{phase}"):
            yield gauge(name, text, [(_model(name, id_), counts[id_][at]) for id_ in ids])


def phases(runs: Sequence[Run], model: str | None = None) -> tuple[int, int]:
    """How many run, and how many wait; of one model if it is named."""
    found = [run.phase in ("loading", "queued") for run in runs if model in (None, run.origin.model)]
    return found.count(False), found.count(True)


def _llama_cpp(figures: Figures) -> Iterator[str]:
    """llama.cpp's names, which have no labels; its prompt tokens are those that were computed."""
    models = list(figures.totals.models.values())
    running, waiting = phases(figures.runs)
    counted: tuple[tuple[str, str, float], ...] = (
        ("prompt_tokens", "Prompt tokens computed.", sum(one.prompt_tokens - one.cached_tokens for one in models)),
        ("prompt_seconds", "Reading prompts.", sum(one.durations["prompt"].total for one in models)),
        ("tokens_predicted", "Tokens generated.", sum(one.completion_tokens for one in models)),
        ("tokens_predicted_seconds", "Generating.", sum(one.durations["generation"].total for one in models)),
    )
    for name, text, value in counted:
        yield counter(f"llamacpp:{name}", text, [({}, value)])
    yield gauge("llamacpp:requests_processing", "Requests that run.", [({}, running)])
    yield gauge("llamacpp:requests_deferred", "Requests that wait.", [({}, waiting)])
