"""What a backend implements.

Two forms. (1) `Provider.chat` yields events: thirty lines, for remote, scripted and exotic backends.
(2) `Provider.load` returns a `Model` whose `Engine` takes token sequences; the core then does the rest:
order and budget of prefill, fairness, cancellation, stop strings, prefix reuse, supervision.

Threads: the module of a Provider is imported in the server too (to check its Config), so it must be
light; import the backend inside `load`. `load`, and every method of Model, Engine, Job and Snapshot, is
called on the model's one engine thread, except `Engine.interrupt` (any thread) and the Codec's methods
(the prepare thread and the engine thread at once). Form 1's `chat` runs on up to `concurrency` threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from threading import Event as ThreadEvent
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import msgspec

from heylook_core.engine import Codec, Engine
from heylook_core.messages import ChatRequest, Event, Sampling, Tokens, Vectors
from heylook_core.spoken import Heard, LiveOptions, Segment, SpeechInfo, TranscribeOptions
from heylook_core.vision import Vision

if TYPE_CHECKING:
    import numpy as np

    from heylook_core.catalog.facts import ModelFacts
    from heylook_core.catalog.recognition import Recognised
    from heylook_core.speech.session import Session

Capability: TypeAlias = Literal[
    "chat",
    "completion",
    "embed",
    "transcribe",
    "translate",
    "vision",
    "audio",
    "tools",
    "schema",
    "logprobs",
    "prompt_logprobs",
    "reasoning",
    "fill_in_middle",
]


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told to load: names and plain data, no objects.

    `provider` is an entry-point name; `config` is the provider's own part of the models.yaml entry, already
    checked against `Provider.Config`.
    """

    id: str
    provider: str
    config: dict[str, Any] = {}


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model once it is loaded.

    `template` is its chat template (Jinja), `special` the strings that templates refer to (`bos_token`, …),
    `bos` a token that every prompt must begin with (None: the template sees to it), `eos` the tokens that end
    an answer. `context` is the longest sequence in tokens. `defaults` are the sampling values of the model's
    own files. `fingerprint` changes when anything that shapes the KV cache changes. `trims` says that a
    snapshot can be cut to any shorter prefix. `rows` is how many sequences run at once. `details` are facts for
    listings (`architecture`, `device`: "cpu" or what else holds the weights); `fill_in_middle` in it has the ids of the
    prefix, suffix and middle tokens, which the capability of that name needs. `speech` comes from models that have
    the capability `transcribe`.
    """

    context: int
    capabilities: tuple[Capability, ...] = ("chat",)
    template: str | None = None
    special: dict[str, str] = {}
    bos: int | None = None
    eos: tuple[int, ...] = ()
    vocabulary: int = 0
    defaults: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    fingerprint: str = ""
    weights_bytes: int = 0
    trims: bool = True
    rows: int = 1
    details: dict[str, Any] = {}
    speech: SpeechInfo | None = None


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a model will take in memory, told before it is loaded. Bytes.

    `kv` is what is allocated at once, or, where the KV cache grows, what one sequence of `FLOOR_TOKENS` needs.
    """

    weights: int
    kv: int = 0
    scratch: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.scratch


# A model whose KV cache grows is not loaded where one sequence of this length has no room.
FLOOR_TOKENS = 4096


class TokenConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that every token engine has in common; a provider's Config extends this.

    The sampling values are the models.yaml step of the cascade. `max_concurrency` bounds the rows that run
    at once. `tool_format` and `reasoning_format` name how the model writes
    calls and reasoning where its template does not show it ("none": neither is looked for).
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    repetition_penalty: float | None = None
    repetition_context_size: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[int, float] | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    max_concurrency: int = 8
    tool_format: str | None = None
    reasoning_format: str | None = None

    def notices(self) -> list[str]:
        """A sentence for each key that is set and has no effect."""
        return []

    def sampling(self) -> Sampling:
        """These values as the middle step of the sampling cascade."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            typical_p=self.typical_p,
            xtc_probability=self.xtc_probability,
            xtc_threshold=self.xtc_threshold,
            repetition_penalty=self.repetition_penalty,
            repetition_window=self.repetition_context_size,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=self.logit_bias,
            seed=self.seed,
        )


class NoConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Config of a provider that has no settings."""


class Provider(ABC):
    """A backend. One instance serves one loaded model and lives in its worker.

    `load` returns a `Model` (form 2), or None after preparing whatever `chat` needs (form 1).
    Raise `LoadFailed` with a full sentence where loading cannot work, `OutOfMemory` (or MemoryError) where memory is
    what lacks; any other exception is reported as a failed load as well.
    `placement` is where the worker runs unless models.yaml says otherwise.
    """

    Config: ClassVar[type[Any]] = NoConfig
    concurrency: ClassVar[int] = 1
    placement: ClassVar[Literal["thread", "process"]] = "thread"

    def __init__(self, spec: ModelSpec, config: Any) -> None:
        self.spec = spec
        self.config = config

    @abstractmethod
    def load(self) -> Model | None: ...

    def check(self) -> None:
        """Raise `LoadFailed` for what would keep `load` from working, as far as it can be told in a moment.

        For `heylookllm models check` and `doctor`, on an instance that is not loaded; by default nothing is looked at.
        """

    @classmethod
    def expects(cls, config: Any, facts: ModelFacts) -> tuple[Capability, ...]:
        """The capabilities that a model with this config will have, by what its files say; none where that is unknown.

        For lists of models that are not loaded: import no backend.
        """
        return ()

    @classmethod
    def profile(cls, name: str, found: Recognised) -> dict[str, Any]:
        """What an import profile (`catalog.profiles`) sets in the config of a model, besides sampling values."""
        return {}

    def estimate(self) -> Estimate | None:
        """What `load` will take, from sizes and headers of files; None where that is unknown.

        Called on an instance that is not loaded, on a thread of the server: import no backend, take milliseconds. What
        it raises is logged and counts as unknown. Too low an estimate puts the server over its memory budget until
        the model is loaded and its real figures are there.
        """
        return None

    def info(self) -> ModelInfo:
        """Form 1 only: what the loaded model can do. Called once, after `load` returned None."""
        return ModelInfo(context=0)

    def chat(self, request: ChatRequest, cancelled: ThreadEvent) -> Iterator[Event]:
        """Form 1: yield Text… and a last Finished. Raise a RequestError before the first event to refuse.

        Called once for each choice of a request, with `n` 1 and a seed of its own.

        Look at `cancelled` between events and return when it is set. Yield `Accepted` first where the answer
        starts late, so that the client is told at once that the request is sound.
        """
        raise NotImplementedError

    def embed(self, inputs: Sequence[str | tuple[int, ...]], options: EmbedOptions) -> Vectors:
        """Form 1: vectors of texts or token ids, in order. Needs the capability `embed`. Threads as for `chat`."""
        raise NotImplementedError

    def tokenize(self, text: str) -> Tokens:
        """Form 1: the token ids of a text, where the backend tells them. Threads as for `chat`."""
        raise NotImplementedError

    def detokenize(self, ids: Sequence[int]) -> str:
        """Form 1: the text of token ids. Threads as for `chat`."""
        raise NotImplementedError

    def transcribe(
        self, blocks: Iterator[np.ndarray[Any, Any]], options: TranscribeOptions
    ) -> Iterator[Segment | Heard]:
        """Speech to text: yield final segments in order, each as soon as it cannot change. Capability `transcribe`.

        `blocks` is the audio (see `spoken`) in pieces of a few seconds. Asking for the next one may wait, and raises
        Cancelled, to be let through, where the request is over. Each request has a thread of its own; at most
        `concurrency` of them run the provider's code at once, and they take turns where one asks for a block or yields.
        Yield Heard now and then where there is nothing to tell for long. Raise a RequestError for audio or options
        that cannot be served.
        """
        raise NotImplementedError

    def session(self, options: LiveOptions) -> Session:
        """A live session; by default one that finds utterances by their loudness and gives them to `transcribe`."""
        from heylook_core.speech.live import UtteranceSession

        return UtteranceSession(self.transcribe, self.info().speech or SpeechInfo(), options)

    def close(self) -> None:
        """Give everything back. Called on the engine thread, once, also after a failed load.

        The thread may load another model of this provider afterwards.
        """

    @classmethod
    def leave_thread(cls) -> None:
        """Give back what belongs to the calling engine thread, which ends now. Called after the last `close` on it."""


class Job(ABC):
    """Work beside the token loop (embeddings, scores), done in bounded slices."""

    done: bool = False

    @abstractmethod
    def advance(self, tokens: int) -> list[Event]:
        """Process about `tokens` tokens and return what is ready; set `done` with the last events."""


class Model(ABC):
    """A loaded model of form 2. `vision` is set where it has the capability of that name."""

    info: ModelInfo
    codec: Codec
    vision: Vision | None = None

    @abstractmethod
    def lanes(self) -> list[Engine]:
        """Every engine of this model, the default one first."""

    def lane(self, request: ChatRequest) -> Engine:
        """The engine that this request runs on."""
        return self.lanes()[0]

    def embed(self, inputs: Sequence[list[int]], options: EmbedOptions) -> Job:
        """A job that ends with one `Vectors` of len(inputs) rows. Needs the capability `embed`."""
        raise NotImplementedError

    def score(self, tokens: Sequence[int], top: int) -> Job:
        """A job whose events are `PromptLogprobs` for all tokens, with `top` alternatives each.

        Needs the capability `prompt_logprobs`. Called on the engine thread.
        """
        raise NotImplementedError

    def scratch_bytes(self) -> int:
        """What it holds besides weights and the KV of `lanes`: contexts for embeddings and scores, buffers."""
        return 0

    def close(self) -> None:
        """Free weights and engines; called on the engine thread."""


class EmbedOptions(msgspec.Struct, frozen=True):
    """`pooling` None takes the model's own; vectors are L2-normalised; `dimensions` cuts and renormalises."""

    pooling: Literal["mean", "cls", "last", "max"] | None = None
    dimensions: int | None = None
    truncate: bool = False
