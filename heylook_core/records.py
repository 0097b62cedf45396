"""Makes the record of a request: the one place where a RequestRecord comes from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heylook_core.analytics import Kind, Outcome, RequestRecord
from heylook_core.errors import Cancelled, HeylookError
from heylook_core.messages import ChatRequest, Finished, ImagePart, Usage

if TYPE_CHECKING:
    from heylook_core.calls import CurrentCall
    from heylook_core.running import Origin

CANCELLED = 499  # nginx's "client closed request"; no status of HTTP means it
LONGEST_NAME = 200


def finished(
    origin: Origin,
    call: CurrentCall | None,
    finishes: Sequence[Finished],
    spent: Usage,
    error: HeylookError | None,
    *,
    cancelled: bool,
    prompt_tokens: int,
    images: int,
    audio_seconds: float,
    load_seconds: float,
    total_seconds: float,
) -> RequestRecord:
    """The record of a request that came to a model. Of one that failed, only what the worker told is known.

    `spent` is of choices that were not over when the request failed.
    """
    first = finishes[0] if finishes else None
    usage = first.usage if first is not None else spent
    timings = [finish.timings for finish in finishes]
    cancelled = cancelled or any(finish.reason == "cancelled" for finish in finishes)
    outcome: Outcome = "cancelled" if cancelled else "failed" if error is not None else "ok"
    return RequestRecord(
        request_id=origin.request_id,
        at=origin.at,
        dialect=origin.dialect,
        kind=origin.kind,
        model=origin.model,
        provider=origin.provider,
        streamed=origin.streamed,
        outcome=outcome,
        status=CANCELLED if cancelled else status_of(error, call),
        error=error.kind if error is not None else "cancelled" if cancelled else None,
        finish=first.reason if first is not None else None,
        prompt_tokens=usage.prompt if first is not None else usage.prompt or prompt_tokens,
        cached_tokens=usage.cached,
        completion_tokens=spent.completion + sum(finish.usage.completion for finish in finishes),
        reasoning_tokens=spent.reasoning + sum(finish.usage.reasoning for finish in finishes),
        images=images,
        audio_seconds=audio_seconds,
        queue_seconds=first.timings.queue if first is not None else 0.0,
        load_seconds=load_seconds,
        prefill_seconds=first.timings.prefill if first is not None else 0.0,
        decode_seconds=max((timing.decode for timing in timings), default=0.0),
        first_token_seconds=min((timing.first_token for timing in timings if timing.first_token), default=0.0),
        gap_p50_seconds=max((timing.gap_p50 for timing in timings), default=0.0),
        gap_p95_seconds=max((timing.gap_p95 for timing in timings), default=0.0),
        total_seconds=total_seconds,
        reuse=first.reuse if first is not None else "",
    )


def refused(call: CurrentCall, kind: Kind, error: HeylookError, model: str) -> RequestRecord:
    """The record of a request that was answered with an error before it came to a model."""
    cancelled = isinstance(error, Cancelled)
    return RequestRecord(
        request_id=call.request_id,
        at=call.at,
        dialect=call.dialect,
        kind=kind,
        model=model[:LONGEST_NAME],
        provider="",
        streamed=False,
        outcome="cancelled" if cancelled else "failed",
        status=CANCELLED if cancelled else status_of(error, call),
        error=error.kind,
        total_seconds=time.monotonic() - call.started,
    )


def status_of(error: HeylookError | None, call: CurrentCall | None) -> int:
    """As the dialect words it; 500 where nobody is there to word it."""
    if error is None:
        return 200
    return call.status_of(error) if call is not None and call.status_of is not None else 500


def images_in(request: ChatRequest) -> int:
    return sum(isinstance(part, ImagePart) for message in request.messages for part in message.content)
