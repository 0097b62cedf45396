"""What /v1/completions puts on the wire (API reference of OpenAI, legacy completions)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from heylook_api_openai.performance import OpenAIPerformance
from heylook_api_openai.schema import OpenAIGenerationRequest, OpenAIUsage, Texts


class OpenAICompletionRequest(OpenAIGenerationRequest, kw_only=True):
    """`prompt` is a text, a list of texts, token ids, or a list of lists of them."""

    prompt: Texts
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=128)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    suffix: str | None = None


class OpenAILegacyLogprobs(msgspec.Struct):
    """One entry per token. Null where there is none: the first token of an echoed prompt follows nothing."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class OpenAICompletionChoice(msgspec.Struct):
    text: str
    index: int
    logprobs: OpenAILegacyLogprobs | None
    finish_reason: Literal["stop", "length"] | None


class OpenAICompletion(msgspec.Struct, kw_only=True):
    """A whole answer, and each streamed piece of one."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[OpenAICompletionChoice]
    usage: OpenAIUsage | msgspec.UnsetType | None = msgspec.UNSET
    performance: OpenAIPerformance | msgspec.UnsetType = msgspec.UNSET
