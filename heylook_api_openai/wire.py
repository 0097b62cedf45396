"""Pieces that several routes write: ids, usage, log-probabilities, finish reasons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from heylook_api_openai.schema import (
    OpenAICompletionDetails,
    OpenAILogprobs,
    OpenAIPromptDetails,
    OpenAITokenLogprob,
    OpenAITopLogprob,
    OpenAIUsage,
)
from heylook_core.errors import Cancelled
from heylook_core.messages import Finished, Logprobs, TopToken, Usage

Reason = Literal["stop", "length", "tool_calls"]


def new_id(prefix: str, separator: str = "-") -> str:
    return f"{prefix}{separator}{os.urandom(16).hex()}"


def finish_reason(finished: Finished | None) -> Reason:
    """OpenAI knows no cancelled answer: one that was ended from outside is an error. Raises Cancelled."""
    if finished is None or finished.reason == "cancelled":
        raise Cancelled("The request was cancelled before the answer was complete.")
    return finished.reason


def usage_of(finishes: Sequence[Finished]) -> OpenAIUsage:
    """The prompt counts once, as the choice that reused least of it saw it; what was generated is summed up."""
    usages = [finish.usage for finish in finishes] or [Usage()]
    prompt = max([usage.prompt for usage in usages])
    completion = sum([usage.completion for usage in usages])
    return OpenAIUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=OpenAIPromptDetails(min([usage.cached for usage in usages])),
        completion_tokens_details=OpenAICompletionDetails(sum([usage.reasoning for usage in usages])),
    )


def usage_together(usages: Sequence[OpenAIUsage]) -> OpenAIUsage:
    """Of several requests that are answered as one."""
    cached = sum(usage.prompt_tokens_details.cached_tokens for usage in usages)
    reasoning = sum(usage.completion_tokens_details.reasoning_tokens for usage in usages)
    return OpenAIUsage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        total_tokens=sum(usage.total_tokens for usage in usages),
        prompt_tokens_details=OpenAIPromptDetails(cached),
        completion_tokens_details=OpenAICompletionDetails(reasoning),
    )


def logprobs_of(tokens: Sequence[Logprobs]) -> OpenAILogprobs:
    return OpenAILogprobs([_token(token) for token in tokens])


def _token(token: Logprobs) -> OpenAITokenLogprob:
    chosen = _top(token.chosen)
    return OpenAITokenLogprob(chosen.token, chosen.logprob, chosen.bytes, [_top(other) for other in token.top])


def _top(token: TopToken) -> OpenAITopLogprob:
    return OpenAITopLogprob(token.token.decode("utf-8", "replace"), max(token.logprob, -9999.0), list(token.token))
