"""The answer to a batch: every group's completion, or their texts as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta

from heylook_api_openai.batch import Outcome, at_once
from heylook_api_openai.batch_groups import Mode
from heylook_api_openai.chat import chat_completion
from heylook_api_openai.errors import error_body
from heylook_api_openai.schema import OpenAIAnswer, OpenAIChatChoice, OpenAIChatCompletion, OpenAIUsage
from heylook_api_openai.wire import new_id, usage_together
from heylook_core.messages import ChatRequest


class OpenAIBatchFailure(msgspec.Struct):
    """Stands where a group's completion would."""

    group: int
    error: dict[str, str | None]


class OpenAIBatchInfo(msgspec.Struct):
    groups_processed: int
    successful: int
    failed: int
    max_concurrent: int


class OpenAIBatchTiming(msgspec.Struct):
    """Seconds. Groups that run side by side share the time, so theirs add up to more than the total."""

    total_time: float
    average_per_group: float
    groups: list[float]


# OpenAIChatCompletion | OpenAIBatchFailure, which msgspec takes for a description only where one has a tag
Entry: TypeAlias = Annotated[Any, Meta(extra={"any_of": (OpenAIChatCompletion, OpenAIBatchFailure)})]


class OpenAIBatch(msgspec.Struct, kw_only=True):
    """`completions` or `choices`, as `return_individual` says."""

    id: str
    object: Literal["chat.completion.batch"] = "chat.completion.batch"
    created: int
    model: str
    processing_mode: str
    completions: list[Entry] | msgspec.UnsetType = UNSET
    choices: list[OpenAIChatChoice] | msgspec.UnsetType = UNSET
    usage: OpenAIUsage
    batch_info: OpenAIBatchInfo
    timing: OpenAIBatchTiming | msgspec.UnsetType = UNSET


def batch_answer(
    outcomes: Sequence[Outcome],
    request: ChatRequest,
    mode: Mode,
    individual: bool,
    *,
    created: int,
    performance: bool = False,
) -> OpenAIBatch:
    completions = [_completion(at, outcome, request, created, performance) for at, outcome in enumerate(outcomes)]
    successes = [one for one in completions if isinstance(one, OpenAIChatCompletion)]
    failed = len(completions) - len(successes)
    return OpenAIBatch(
        id=new_id("chatcmpl-batch"),
        created=created,
        model=request.model,
        processing_mode=mode,
        completions=completions if individual else UNSET,
        choices=UNSET if individual else [_joined(successes)],
        usage=usage_together([one.usage for one in successes]),
        batch_info=OpenAIBatchInfo(len(completions), len(successes), failed, at_once(mode, len(completions))),
    )


def timing_of(outcomes: Sequence[Outcome], total: float) -> OpenAIBatchTiming:
    return OpenAIBatchTiming(total, total / len(outcomes), [outcome.seconds for outcome in outcomes])


def _completion(
    at: int, outcome: Outcome, request: ChatRequest, created: int, performance: bool
) -> OpenAIChatCompletion | OpenAIBatchFailure:
    if outcome.error is not None:
        return OpenAIBatchFailure(at, error_body(outcome.error)["error"])
    return chat_completion(outcome.choices, request, id_=new_id("chatcmpl"), created=created, performance=performance)


def _joined(completions: Sequence[OpenAIChatCompletion]) -> OpenAIChatChoice:
    """All texts, an empty line between them; it says `length` where one of them was cut."""
    choices = [choice for completion in completions for choice in completion.choices]
    reason: Any = "length" if any(choice.finish_reason == "length" for choice in choices) else "stop"
    text = "\n\n".join(choice.message.content or "" for choice in choices)
    return OpenAIChatChoice(0, OpenAIAnswer(content=text), None, reason)
