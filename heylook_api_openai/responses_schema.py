"""What /v1/responses puts on the wire (API reference of OpenAI, description 2.3.0): the stateless part."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from heylook_api_openai.schema import Count, OpenAIImageUrl, OpenAIInputAudio, Share


class OpenAIInputPart(msgspec.Struct, kw_only=True):
    """Every kind of content part; which fields count depends on `type`."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | OpenAIImageUrl | None = None
    detail: str | None = None
    input_audio: OpenAIInputAudio | None = None


class OpenAIInputItem(msgspec.Struct, kw_only=True):
    """Every kind of input item. `type` may be absent, which means a message."""

    type: str | None = None
    id: str | None = None
    role: Literal["developer", "system", "user", "assistant"] | None = None
    content: str | list[OpenAIInputPart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[OpenAIInputPart] | None = None
    summary: list[OpenAIInputPart] | None = None


class OpenAIFlatTool(msgspec.Struct, kw_only=True):
    """A function, without the level that chat completions have."""

    type: str
    name: Annotated[str, Meta(min_length=1)] | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class OpenAIFlatChoice(msgspec.Struct, kw_only=True):
    """A named function, or the tools that may be used."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[OpenAIFlatTool] | None = None


class OpenAIFlatFormat(msgspec.Struct, kw_only=True):
    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class OpenAITextSettings(msgspec.Struct, kw_only=True):
    format: OpenAIFlatFormat | None = None
    verbosity: str | None = None


class OpenAIReasoningSettings(msgspec.Struct, kw_only=True):
    """`summary` has no effect: what the model thought is given whole."""

    effort: str | None = None
    summary: str | None = None


class OpenAIResponsesRequest(msgspec.Struct, kw_only=True):
    """POST /v1/responses. The last group is refused where it is set."""

    model: str | None = None
    input: str | list[OpenAIInputItem]
    instructions: str | None = None
    tools: list[OpenAIFlatTool] | None = None
    tool_choice: str | OpenAIFlatChoice | None = None
    parallel_tool_calls: bool | None = None
    text: OpenAITextSettings | None = None
    reasoning: OpenAIReasoningSettings | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    include: list[str] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    stream: bool | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None

    chat_template_kwargs: dict[str, Any] | None = None
    keep_alive: float | str | None = None

    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None


# ------------------------------------------------------------------ answers


class OpenAIOutputText(msgspec.Struct, kw_only=True):
    type: Literal["output_text"] = "output_text"
    text: str = ""
    annotations: list[Any] = []
    logprobs: list[Any] = []


class OpenAIReasoningText(msgspec.Struct, kw_only=True):
    type: Literal["reasoning_text"] = "reasoning_text"
    text: str = ""


Status: TypeAlias = Literal["in_progress", "completed", "incomplete", "failed"]


class OpenAIOutputMessage(msgspec.Struct, kw_only=True):
    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    status: Status = "in_progress"
    content: list[OpenAIOutputText] = []


class OpenAIFunctionCall(msgspec.Struct, kw_only=True):
    id: str
    type: Literal["function_call"] = "function_call"
    status: Status = "in_progress"
    call_id: str
    name: str
    arguments: str = ""


class OpenAIReasoningItem(msgspec.Struct, kw_only=True):
    id: str
    type: Literal["reasoning"] = "reasoning"
    status: Status = "in_progress"
    summary: list[Any] = []
    content: list[OpenAIReasoningText] = []


OpenAIOutputItem: TypeAlias = OpenAIOutputMessage | OpenAIFunctionCall | OpenAIReasoningItem


class OpenAIInputDetails(msgspec.Struct):
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OpenAIOutputDetails(msgspec.Struct):
    reasoning_tokens: int = 0


class OpenAIResponseUsage(msgspec.Struct, kw_only=True):
    input_tokens: int
    input_tokens_details: OpenAIInputDetails
    output_tokens: int
    output_tokens_details: OpenAIOutputDetails
    total_tokens: int


class OpenAIResponseError(msgspec.Struct):
    code: str
    message: str


class OpenAIIncomplete(msgspec.Struct):
    reason: Literal["max_output_tokens"] = "max_output_tokens"


class OpenAIResponse(msgspec.Struct, kw_only=True):
    """The whole answer, also inside of the events that begin and end a stream."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Status = "in_progress"
    error: OpenAIResponseError | None = None
    incomplete_details: OpenAIIncomplete | None = None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[Any] = []
    parallel_tool_calls: bool
    previous_response_id: str | None = None
    reasoning: OpenAIReasoningSettings
    store: Literal[False] = False
    temperature: float | None
    text: OpenAITextSettings
    tool_choice: str | OpenAIFlatChoice
    tools: list[OpenAIFlatTool]
    top_logprobs: int
    top_p: float | None
    truncation: Literal["auto", "disabled"]
    usage: OpenAIResponseUsage | None = None
    user: str | None = None


class OpenAIResponseEvent(msgspec.Struct, kw_only=True):
    """What all events of a stream have in common, for the API document."""

    type: str
    sequence_number: int
