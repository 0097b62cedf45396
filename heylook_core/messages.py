"""The neutral vocabulary: what a request asks, and the events that answer it.

No dialect's words and no backend's objects. Everything is a frozen Struct, so it may cross a
process boundary. Times are seconds, sizes are bytes, token counts are counts.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from heylook_core.spoken import Credit as Credit
from heylook_core.spoken import Heard as Heard
from heylook_core.spoken import Segment as Segment
from heylook_core.spoken import SpeechStarted as SpeechStarted

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "cancelled"]


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    text: str


class Picture(msgspec.Struct, frozen=True, array_like=True):
    """A decoded image: `data` has height x width pixels of `channels` bytes (3: RGB, 4: RGBA), row by row.

    `digest` is the SHA-256 of its shape and its pixels.
    """

    width: int
    height: int
    channels: int
    digest: bytes
    data: bytes


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """An image as the client gave it: `url` is a data URL, a web URL or base64, or `file` has the bytes of the file.

    The server reads it before the request goes to a worker, which finds the `picture` here and nothing else. `detail`
    is a hint at the size, `path` the place in the request that errors name. Needs the capability `vision`.
    """

    url: str = ""
    detail: str | None = None
    file: bytes | None = None
    path: str | None = None
    picture: Picture | None = None


class AudioPart(msgspec.Struct, frozen=True, tag="audio"):
    """Audio inside a chat message, base64 in the container `format`. Needs the capability `audio`."""

    data: str
    format: str


Part: TypeAlias = TextPart | ImagePart | AudioPart


class ToolCall(msgspec.Struct, frozen=True):
    """A call the model made earlier; `arguments` is the JSON text of an object."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation. `reasoning` is what the model thought before it answered."""

    role: Role
    content: tuple[Part, ...] = ()
    name: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class Tool(msgspec.Struct, frozen=True):
    """A function the model may call; `parameters` is its JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool = False


class ToolChoice(msgspec.Struct, frozen=True):
    """`mode` auto lets the model decide, none forbids, required forces a call of one of `names` (any, if empty)."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()


class Format(msgspec.Struct, frozen=True):
    """A constraint on the answer. Needs the capability `schema`.

    Any JSON object; JSON of `schema`; a text that the regular expression `text` matches as a whole, or the grammar
    `text` (Lark or GBNF) derives; or one of `choices`. `param` is what the request calls it.
    """

    kind: Literal["json", "schema", "regex", "grammar", "choice"]
    schema: dict[str, Any] | None = None
    text: str | None = None
    choices: tuple[str, ...] = ()
    param: str = "response_format"


class Thinking(msgspec.Struct, frozen=True):
    """What the request says about reasoning. None leaves it to the model's template."""

    enabled: bool | None = None
    effort: str | None = None
    budget: int | None = None


class ImageOptions(msgspec.Struct, frozen=True):
    """What is done to every image of a request before a model sees it; by default nothing.

    `largest` shrinks the longer side to so many pixels. `width` and `height` set the size, one of them alone keeps the
    aspect. `quality` (1-100) is that of a JPEG which the pixels are taken through. Transparency is laid on white unless
    `keep_alpha` is set.
    """

    largest: int | None = None
    width: int | None = None
    height: int | None = None
    quality: int | None = None
    keep_alpha: bool = False


class Overflow(msgspec.Struct, frozen=True):
    """What may be left out of a prompt that does not fit; by default nothing, and the request is refused.

    `drop_messages` drops the oldest messages, never system messages or the last one. `cut_tokens` then cuts tokens
    out of the prompt after its first `keep`.
    """

    drop_messages: bool = False
    cut_tokens: bool = False
    keep: int = 0


class Sampling(msgspec.Struct, frozen=True):
    """Sampling as asked; None means that the next source of the cascade decides (see `resolve`)."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    repetition_penalty: float | None = None
    repetition_window: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[int, float] | None = None
    seed: int | None = None


class SamplerSettings(msgspec.Struct, frozen=True):
    """Sampling after the cascade: what an engine applies. temperature 0 is greedy; top_k 0 is off."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    typical_p: float = 1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repetition_penalty: float = 1.0
    repetition_window: int = 64
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = {}
    seed: int | None = None


def resolve(*sources: Sampling) -> SamplerSettings:
    """The first source that sets a field decides it: request, models.yaml, the model's own file, the dialect."""
    chosen: dict[str, Any] = {}
    for field in Sampling.__struct_fields__:
        for source in sources:
            value = getattr(source, field)
            if value is not None:
                chosen[field] = value
                break
    return SamplerSettings(**chosen)


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request to generate text: a conversation (`messages`) or a raw prompt (`prompt`: text or token ids).

    `max_tokens` None means the model's default, else `default_max_tokens` of the dialect. `logprobs` asks for the
    chosen tokens' log-probabilities, `top_logprobs` for that many alternatives. `defaults` is the dialect's last word
    in the sampling cascade.
    `context` bounds prompt and answer together, below the model's own limit. `continues` says that the last message is
    the beginning of the answer, of which the rest is wanted.
    """

    model: str
    messages: tuple[Message, ...] = ()
    continues: bool = False
    prompt: str | tuple[int, ...] | None = None
    suffix: str | None = None
    echo: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    sampling: Sampling = Sampling()
    defaults: Sampling = Sampling()
    max_tokens: int | None = None
    default_max_tokens: int | None = None
    context: int | None = None
    overflow: Overflow = Overflow()
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    n: int = 1
    logprobs: bool = False
    top_logprobs: int = 0
    format: Format | None = None
    thinking: Thinking = Thinking()
    template_args: dict[str, Any] = {}
    images: ImageOptions = ImageOptions()
    stream: bool = False

    @property
    def has_images(self) -> bool:
        return any(isinstance(part, ImagePart) for message in self.messages for part in message.content)


# ------------------------------------------------------------------ events


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """Token counts of one choice. `cached` of its prompt tokens came from a kept prefix, a fork's from its first."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0


class Timings(msgspec.Struct, frozen=True, array_like=True):
    """Seconds: waiting for a place, prefill, decode; `first_token` counts from the request's arrival.

    `gap_p50` and `gap_p95` are quantiles of the pauses between tokens.
    """

    queue: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0
    first_token: float = 0.0
    gap_p50: float = 0.0
    gap_p95: float = 0.0


class Accepted(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """The request is sound and queued: the dialect may send its 200. The rest is what `Overflow` left out."""

    prompt_tokens: int
    dropped_messages: int = 0
    cut_tokens: int = 0


class Progress(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """Prefill has done `done` of `total` prompt tokens, `cached` of them from a kept prefix."""

    done: int
    total: int
    cached: int = 0


class Text(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    choice: int
    text: str


class Reasoning(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    choice: int
    text: str


class ToolOpen(msgspec.Struct, frozen=True, array_like=True, tag="to"):
    """Call number `index` of this choice begins."""

    choice: int
    index: int
    id: str
    name: str


class ToolArgs(msgspec.Struct, frozen=True, array_like=True, tag="ta"):
    """More of the JSON text of call `index`'s arguments."""

    choice: int
    index: int
    text: str


class TopToken(msgspec.Struct, frozen=True, array_like=True):
    """A token, its bytes and its natural-log probability."""

    token: bytes
    logprob: float
    id: int = -1


class Logprobs(msgspec.Struct, frozen=True, array_like=True, tag="l"):
    """One generated token that is part of the visible text, with alternatives, best first."""

    choice: int
    chosen: TopToken
    top: tuple[TopToken, ...] = ()


class ScoredToken(msgspec.Struct, frozen=True, array_like=True):
    """A token of the prompt: how likely it was after those before it (None for the first), and what was likelier."""

    token: bytes
    id: int
    logprob: float | None = None
    top: tuple[TopToken, ...] = ()


class PromptLogprobs(msgspec.Struct, frozen=True, array_like=True, tag="lp"):
    """The next tokens of the prompt, once per request and before its answer; long prompts come in pieces."""

    tokens: tuple[ScoredToken, ...]


class Vectors(msgspec.Struct, frozen=True, array_like=True, tag="v"):
    """Embeddings: float32 little-endian, row by row, `rows` of `width`."""

    data: bytes
    rows: int
    width: int
    tokens: tuple[int, ...]


class Tokens(msgspec.Struct, frozen=True, array_like=True, tag="k"):
    """A text as token ids, with the bytes of each; b"" where a token is never shown."""

    ids: tuple[int, ...]
    pieces: tuple[bytes, ...]


class Finished(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """Choice `choice` is complete. `reuse` says how much of a kept prefix was used, and why no more."""

    choice: int
    reason: FinishReason
    usage: Usage
    timings: Timings
    reuse: str = ""


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """The whole request failed; `kind` is that of a class in `errors`. `spent` is of the choices that were not over."""

    kind: str
    message: str
    param: str | None = None
    retry_after: float | None = None
    spent: Usage = Usage()


Event: TypeAlias = (
    Accepted
    | Progress
    | Text
    | Reasoning
    | ToolOpen
    | ToolArgs
    | Logprobs
    | PromptLogprobs
    | Vectors
    | Tokens
    | Segment
    | SpeechStarted
    | Heard
    | Credit
    | Finished
    | Failed
)
