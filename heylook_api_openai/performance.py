"""`include_performance`: how fast an answer was, from what its engine measured."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heylook_core.messages import Finished


class OpenAIPerformance(msgspec.Struct, kw_only=True):
    """Seconds and tokens a second; null where there is nothing to measure. An extension of ours.

    `prompt_tps` counts the prompt tokens that were computed, not those of a reused prefix. `first_token` counts from
    the request's arrival.
    """

    prompt_tps: float | None
    generation_tps: float | None
    queue_seconds: float
    prefill_seconds: float
    decode_seconds: float
    first_token_seconds: float


def performance_of(finishes: Sequence[Finished]) -> OpenAIPerformance:
    """Of all choices together: they share the prompt and run side by side."""
    first = finishes[0]
    decode = max(finish.timings.decode for finish in finishes)
    generated = sum(finish.usage.completion for finish in finishes)
    computed = first.usage.prompt - first.usage.cached
    return OpenAIPerformance(
        prompt_tps=_rate(computed, first.timings.prefill),
        generation_tps=_rate(generated, decode),
        queue_seconds=first.timings.queue,
        prefill_seconds=first.timings.prefill,
        decode_seconds=decode,
        first_token_seconds=min(finish.timings.first_token for finish in finishes),
    )


def _rate(tokens: int, seconds: float) -> float | None:
    return tokens / seconds if tokens > 0 and seconds > 0 else None
