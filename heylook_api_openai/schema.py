"""What the OpenAI API puts on the wire (API reference of OpenAI, description 2.3.0).

Requests are tolerant: unknown keys are ignored and an explicit null counts as absent, because clients send
both. Fields that the dialect must refuse are declared too, so that they are not taken for unknown ones.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from heylook_api_openai.performance import OpenAIPerformance

Count: TypeAlias = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Size: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]  # engines count in 32 bits
TokenId: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Side: TypeAlias = Annotated[int, Meta(ge=1, le=16384)]
Penalty: TypeAlias = Annotated[float, Meta(ge=-2, le=2)]
# one text, several, token ids, or lists of those; what a list mixes is refused later
Texts: TypeAlias = Annotated[
    str | list[str | TokenId | list[TokenId]],
    Meta(extra={"any_of": (str, list[str], list[TokenId], list[list[TokenId]])}),
]

# ------------------------------------------------------------------ messages


class OpenAITextPart(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class OpenAIRefusalPart(msgspec.Struct, tag_field="type", tag="refusal"):
    refusal: str


class OpenAIImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class OpenAIImagePart(msgspec.Struct, tag_field="type", tag="image_url"):
    image_url: OpenAIImageUrl | str


class OpenAIInputAudio(msgspec.Struct):
    data: str
    format: str


class OpenAIAudioPart(msgspec.Struct, tag_field="type", tag="input_audio"):
    input_audio: OpenAIInputAudio


class OpenAIFilePart(msgspec.Struct, tag_field="type", tag="file"):
    file: dict[str, Any]


OpenAIPart: TypeAlias = OpenAITextPart | OpenAIRefusalPart | OpenAIImagePart | OpenAIAudioPart | OpenAIFilePart


class OpenAICalledFunction(msgspec.Struct):
    """In a request, `arguments` is JSON text by the specification; some clients send the object itself."""

    name: str
    arguments: str | dict[str, Any] | None = None


class OpenAIToolCall(msgspec.Struct):
    function: OpenAICalledFunction | None = None
    id: str | None = None
    type: str | None = None


class OpenAIMessage(msgspec.Struct):
    """`reasoning_content` and `reasoning` are what servers call an assistant's thoughts; both are taken back."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[OpenAIPart] | None = None
    name: str | None = None
    tool_calls: list[OpenAIToolCall] | None = None
    tool_call_id: str | None = None
    function_call: OpenAICalledFunction | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


# ------------------------------------------------------------------ tools and formats


class OpenAIFunction(msgspec.Struct):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class OpenAITool(msgspec.Struct):
    type: str = "function"
    function: OpenAIFunction | None = None


class OpenAIName(msgspec.Struct):
    name: str


class OpenAIToolName(msgspec.Struct):
    type: str = "function"
    function: OpenAIName | None = None


class OpenAIAllowedTools(msgspec.Struct):
    mode: Literal["auto", "required"]
    tools: list[OpenAIToolName]


class OpenAIToolChoice(msgspec.Struct):
    type: str = "function"
    function: OpenAIName | None = None
    allowed_tools: OpenAIAllowedTools | None = None


class OpenAITextFormat(msgspec.Struct, tag_field="type", tag="text"):
    pass


class OpenAIJsonFormat(msgspec.Struct, tag_field="type", tag="json_object"):
    """`schema` is an extension of llama.cpp's server."""

    schema: dict[str, Any] | None = None


class OpenAIJsonSchema(msgspec.Struct):
    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class OpenAISchemaFormat(msgspec.Struct, tag_field="type", tag="json_schema"):
    json_schema: OpenAIJsonSchema


OpenAIFormat: TypeAlias = OpenAITextFormat | OpenAIJsonFormat | OpenAISchemaFormat


class OpenAIStreamOptions(msgspec.Struct):
    include_usage: bool | None = None


# ------------------------------------------------------------------ requests


class OpenAIStructuredOutputs(msgspec.Struct):
    """vLLM's constraints beside `response_format`; one of them."""

    json: dict[str, Any] | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None


class OpenAIGenerationRequest(msgspec.Struct, kw_only=True):
    """What the routes that generate text have in common. The second group are extensions of other local servers, the
    third constraints as vLLM and llama.cpp name them."""

    model: str | None = None
    stream: bool | None = None
    stream_options: OpenAIStreamOptions | None = None
    max_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: str | list[str] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None

    top_k: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    repetition_penalty: Annotated[float, Meta(gt=0)] | None = None
    repeat_penalty: Annotated[float, Meta(gt=0)] | None = None
    repetition_context_size: Size | None = None
    xtc_probability: Share | None = None
    xtc_threshold: Share | None = None
    ignore_eos: bool | None = None
    keep_alive: float | str | None = None
    include_performance: bool | None = None

    response_format: OpenAIFormat | None = None
    grammar: str | None = None
    structured_outputs: OpenAIStructuredOutputs | None = None
    guided_json: dict[str, Any] | None = None
    guided_regex: str | None = None
    guided_choice: list[str] | None = None
    guided_grammar: str | None = None


class OpenAIChatRequest(OpenAIGenerationRequest, kw_only=True):
    """POST /v1/chat/completions. The second group are constraints as vLLM and llama.cpp name them; what is done to
    images, and the rest, are ours.
    """

    messages: Annotated[list[OpenAIMessage], Meta(min_length=1)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[OpenAITool] | None = None
    tool_choice: str | OpenAIToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    continue_final_message: bool | None = None
    thinking_budget: Size | None = None

    resize_max: Side | None = None
    resize_width: Side | None = None
    resize_height: Side | None = None
    image_quality: Annotated[int, Meta(ge=1, le=100)] | None = None
    preserve_alpha: bool | None = None

    processing_mode: str | None = None
    return_individual: bool | None = None
    include_timing: bool | None = None

    modalities: list[str] | None = None
    audio: Any = None
    functions: Any = None
    function_call: Any = None
    web_search_options: Any = None
    moderation: Any = None


# ------------------------------------------------------------------ answers


class OpenAIPromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: int = 0


class OpenAICompletionDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: int = 0


class OpenAIUsage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: OpenAIPromptDetails = OpenAIPromptDetails()
    completion_tokens_details: OpenAICompletionDetails = OpenAICompletionDetails()


class OpenAITopLogprob(msgspec.Struct):
    """`bytes` are exact; `token` is their text with U+FFFD where they are only part of a character."""

    token: str
    logprob: float
    bytes: list[int] | None


class OpenAITokenLogprob(OpenAITopLogprob):
    top_logprobs: list[OpenAITopLogprob]


class OpenAILogprobs(msgspec.Struct):
    content: list[OpenAITokenLogprob]
    refusal: str | None = None


class OpenAIAnsweredFunction(msgspec.Struct):
    name: str
    arguments: str


class OpenAIAnsweredCall(msgspec.Struct):
    id: str
    function: OpenAIAnsweredFunction
    type: Literal["function"] = "function"


class OpenAIAnswer(msgspec.Struct, kw_only=True):
    """`content` is null beside tool calls; `reasoning_content` is what llama.cpp and others call the thoughts."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: list[OpenAIAnsweredCall] | msgspec.UnsetType = msgspec.UNSET


class OpenAIChatChoice(msgspec.Struct):
    index: int
    message: OpenAIAnswer
    logprobs: OpenAILogprobs | None
    finish_reason: Literal["stop", "length", "tool_calls"]


class OpenAIChatCompletion(msgspec.Struct, kw_only=True):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[OpenAIChatChoice]
    usage: OpenAIUsage
    performance: OpenAIPerformance | msgspec.UnsetType = msgspec.UNSET


class OpenAIFunctionDelta(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    arguments: str | None = None


class OpenAIToolCallDelta(msgspec.Struct, omit_defaults=True):
    index: int
    id: str | None = None
    type: Literal["function"] | None = None
    function: OpenAIFunctionDelta | None = None


class OpenAIDelta(msgspec.Struct, omit_defaults=True):
    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[OpenAIToolCallDelta] | None = None


class OpenAIChunkChoice(msgspec.Struct):
    index: int
    delta: OpenAIDelta
    logprobs: OpenAILogprobs | None
    finish_reason: Literal["stop", "length", "tool_calls"] | None


class OpenAIChatChunk(msgspec.Struct, kw_only=True):
    """One streamed piece, for the API document; `stream` writes it from parts that are encoded once."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[OpenAIChunkChoice]
    usage: OpenAIUsage | msgspec.UnsetType | None = msgspec.UNSET
    performance: OpenAIPerformance | msgspec.UnsetType = msgspec.UNSET


class OpenAIModel(msgspec.Struct, kw_only=True):
    """The last group is ours; `capabilities` and `context_length` are null where only loading tells them."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str

    provider: str
    description: str | None = None
    capabilities: list[str] | None = None
    context_length: int | None = None
    loaded: bool = False


class OpenAIModelList(msgspec.Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[OpenAIModel]
