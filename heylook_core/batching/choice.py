"""What the turn loop knows of a request and of each of its choices."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from heylook_core.engine import Codec, Engine, SequenceTask, Token
from heylook_core.messages import Event, Finished, FinishReason, SamplerSettings, Timings, Usage
from heylook_core.provider import Job
from heylook_core.quantiles import Gaps
from heylook_core.text.pipeline import TextPipeline
from heylook_core.text.prompt import Prepared


class Leader(msgspec.Struct, frozen=True):
    """A running row that holds, or is about to hold, the first `n` tokens of another prompt."""

    choice: Choice
    n: int

    @property
    def ready(self) -> bool:
        return self.choice.held >= self.n


class Choice:
    """One sequence: waiting, then in prefill, then decoding, then over. Times are the loop's clock, in seconds."""

    def __init__(self, sid: int, index: int, prepared: Prepared, engine: Engine, codec: Codec) -> None:
        request = prepared.request
        self.sid = sid
        self.index = index
        self.rid = prepared.rid
        self.prepared = prepared
        self.engine = engine
        self.pipeline = TextPipeline(
            index,
            codec,
            [token for token in prepared.tokens if token >= 0] if prepared.media else prepared.tokens,
            prepared.stops,
            request.logprobs or request.top_logprobs > 0,
            prepared.plan.stages(index, request),
            prepared.plan.formats.hidden,
        )
        self.guide = prepared.guides[index] if prepared.guides else None
        self.waits_for: Choice | None = None
        self.leader: Leader | None = None
        self.scoring: Job | None = None
        self.prefilled = 0
        self.cached = 0
        self.why = ""
        self.generated = 0
        self.decoding = False
        self.inserted_at = 0.0
        self.first_token_at = 0.0
        self.gaps = Gaps()

    @property
    def ready(self) -> bool:
        """Nothing has to be done before it: no other choice, and no scoring of its prompt."""
        return self.waits_for is None and (self.scoring is None or self.scoring.done)

    @property
    def length(self) -> int:
        """Prompt plus the most it may generate: what admission reserves."""
        return len(self.prepared.tokens) + self.prepared.limit

    @functools.cached_property
    def ids(self) -> np.ndarray[Any, Any]:
        """The prompt as an int32 vector."""
        return np.asarray(self.prepared.tokens, dtype=np.int32)

    @property
    def held(self) -> int:
        """Prompt tokens that its state covers by now."""
        return len(self.prepared.tokens) if self.decoding else max(self.prefilled, self.cached)

    @property
    def to_read(self) -> int:
        """Prompt tokens that it had to compute when it entered."""
        return len(self.prepared.tokens) - self.cached

    @property
    def remaining(self) -> int:
        """Prompt tokens still to compute."""
        return len(self.prepared.tokens) - max(self.prefilled, self.cached)

    def task(self, seed_offset: int) -> SequenceTask:
        """The sequence as the engine wants it, without a prefix yet."""
        request = self.prepared.request
        wanted = request.top_logprobs if request.logprobs or request.top_logprobs else None
        return SequenceTask(
            self.sid,
            self.prepared.tokens,
            limit=self.prepared.limit,
            sampling=_seeded(self.prepared, seed_offset),
            eos=self.prepared.eos,
            marks=self.prepared.marks,
            guide=self.guide,
            top_logprobs=wanted,
            media=self.prepared.media,
        )

    def push(self, token: Token, now: float) -> list[Event]:
        """The events of a generated token; an end-of-sequence token has no text."""
        if not self.decoding:
            self.first_token_at = now
        self.decoding = True
        self.gaps.token(now)
        if token.end == "eos":
            return []
        self.generated += 1
        return self.pipeline.push(token)

    @property
    def usage(self) -> Usage:
        """Up to now."""
        return Usage(
            prompt=len(self.prepared.tokens),
            cached=self.cached,
            completion=self.generated,
            reasoning=self.pipeline.reasoning_tokens,
        )

    def finished(self, reason: FinishReason, now: float) -> Finished:
        arrived, inserted = self.prepared.arrived, self.inserted_at or now
        first = self.first_token_at or now
        timings = Timings(
            queue=max(inserted - arrived, 0.0),
            prefill=max(first - inserted, 0.0),
            decode=max(now - first, 0.0),
            first_token=max(first - arrived, 0.0) if self.first_token_at else 0.0,
            gap_p50=self.gaps.at(0.5),
            gap_p95=self.gaps.at(0.95),
        )
        if self.guide is not None and reason in ("stop", "length"):
            reason = "length" if self.guide.cut else "stop" if self.guide.complete else reason
        if reason == "stop" and self.pipeline.called:
            reason = "tool_calls"
        return Finished(self.index, reason, self.usage, timings, self.why)


def spent(usages: Sequence[Usage]) -> Usage:
    """Of several choices together; their prompt counts once."""
    first = usages[0] if usages else Usage()
    completion = sum(usage.completion for usage in usages)
    return Usage(first.prompt, first.cached, completion, sum(usage.reasoning for usage in usages))


def _seeded(prepared: Prepared, offset: int) -> SamplerSettings:
    """Each choice of a seeded request has a seed of its own, the first one the request's."""
    sampling = prepared.sampling
    if sampling.seed is None or offset == 0:
        return sampling
    return msgspec.structs.replace(sampling, seed=sampling.seed + offset)
