"""What the Ollama API puts on the wire (ollama `api/types.go`, August 2026).

Requests are tolerant: unknown keys are ignored, null counts as absent, whole floats count as integers. Answers have
exactly Ollama's keys: what is left out there is left out here, for `"error": null` is an error to ollama-js.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Number: TypeAlias = int | float
KeepAlive: TypeAlias = int | float | str | bool | None

# ------------------------------------------------------------------ requests


class OllamaFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class OllamaTool(msgspec.Struct):
    function: OllamaFunction
    type: str | None = None


class OllamaCalledFunction(msgspec.Struct):
    """`arguments` is an object; JSON text, as OpenAI has it, is taken too."""

    name: str
    arguments: dict[str, Any] | str | None = None
    index: Number | None = None


class OllamaToolCall(msgspec.Struct):
    function: OllamaCalledFunction
    id: str | None = None


class OllamaMessage(msgspec.Struct):
    """ollama-python leaves out an empty `content`, and every id of a tool call."""

    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[OllamaToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class OllamaGenerationRequest(msgspec.Struct, kw_only=True):
    """What chat and generate have in common. `format` is "json" or a JSON Schema; `options` see `options.py`."""

    model: str | None = None
    stream: bool | None = None
    format: Any = None
    keep_alive: KeepAlive = None
    options: dict[str, Any] | None = None
    think: bool | str | None = None
    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Number | None = None
    debug_render_only: bool | None = msgspec.field(name="_debug_render_only", default=None)


class OllamaChatRequest(OllamaGenerationRequest, kw_only=True):
    messages: list[OllamaMessage] | None = None
    tools: list[OllamaTool] | None = None


class OllamaGenerateRequest(OllamaGenerationRequest, kw_only=True):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    images: list[str] | None = None


class OllamaEmbedRequest(msgspec.Struct, kw_only=True):
    model: str | None = None
    input: Any = None
    truncate: bool | None = None
    dimensions: Number | None = None
    options: dict[str, Any] | None = None
    keep_alive: KeepAlive = None


class OllamaEmbeddingsRequest(msgspec.Struct, kw_only=True):
    """The older form: one text."""

    model: str | None = None
    prompt: str | None = None
    options: dict[str, Any] | None = None
    keep_alive: KeepAlive = None


class OllamaNamedRequest(msgspec.Struct, kw_only=True):
    """Show, pull and delete: `name` is the older word for `model`, which Continue and LiteLLM still send."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None
    verbose: bool | None = None


# ------------------------------------------------------------------ answers


class OllamaAnsweredFunction(msgspec.Struct):
    index: int
    name: str
    arguments: dict[str, Any]


class OllamaAnsweredCall(msgspec.Struct):
    id: str
    function: OllamaAnsweredFunction


class OllamaAnswer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The assistant's message; `content` is always there."""

    role: str
    content: str
    thinking: str = ""
    tool_calls: list[OllamaAnsweredCall] = []


class OllamaTopLogprob(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int]


class OllamaLogprob(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[OllamaTopLogprob]


class OllamaPiece(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What chunks and whole answers have in common. Durations are nanoseconds, counts tokens; 0 is left out.

    Counts are in the last chunk only: LangChain adds them up.
    """

    model: str
    created_at: str
    done: bool
    done_reason: str = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
    logprobs: list[OllamaLogprob] = []


class OllamaChatAnswer(OllamaPiece, omit_defaults=True, kw_only=True):
    message: OllamaAnswer


class OllamaGenerateAnswer(OllamaPiece, omit_defaults=True, kw_only=True):
    response: str
    thinking: str = ""
    context: list[int] = []


class OllamaDebugInfo(msgspec.Struct, omit_defaults=True):
    rendered_template: str
    image_count: int = 0


class OllamaDebugAnswer(msgspec.Struct):
    model: str
    created_at: str
    debug_info: OllamaDebugInfo = msgspec.field(name="_debug_info")


class OllamaEmbedAnswer(msgspec.Struct, omit_defaults=True, kw_only=True):
    model: str
    embeddings: list[list[float]]
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0


class OllamaEmbeddingsAnswer(msgspec.Struct):
    embedding: list[float]


class OllamaVersion(msgspec.Struct):
    version: str


class OllamaStatus(msgspec.Struct, omit_defaults=True):
    """One line of a pull; `total` and `completed` are bytes of the file with this digest."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


class OllamaError(msgspec.Struct):
    """`error` is always a string; an object crashes ollama-python in the middle of a stream."""

    error: str


# ------------------------------------------------------------------ models


class OllamaDetails(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`parameter_size` is like "7.6B"."""

    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str
    context_length: int = 0
    embedding_length: int = 0


class OllamaModel(msgspec.Struct, kw_only=True):
    """`name` and `model` are equal; Open WebUI needs both. `size` is bytes, `digest` 64 hex digits."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: OllamaDetails
    capabilities: list[str]


class OllamaModelList(msgspec.Struct):
    models: list[OllamaModel]


class OllamaRunningModel(msgspec.Struct, kw_only=True):
    """`size` is bytes in memory, `size_vram` those of them on a GPU."""

    name: str
    model: str
    size: int
    digest: str
    details: OllamaDetails
    expires_at: str
    size_vram: int
    context_length: int


class OllamaRunningList(msgspec.Struct):
    models: list[OllamaRunningModel]


class OllamaCard(msgspec.Struct, omit_defaults=True, kw_only=True):
    """POST /api/show. Clients crash without `model_info` and `capabilities`: both are always there."""

    modelfile: str
    parameters: str = ""
    template: str = ""
    details: OllamaDetails
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str
