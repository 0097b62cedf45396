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

from heylook_core.messages import ChatRequest, Event, SamplerSettings, Sampling, Tokens, Vectors
from heylook_core.spoken import Heard, LiveOptions, Segment, SpeechInfo, TranscribeOptions
from heylook_core.vision import MediaSpan, Vision, own_ids

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


class Decoder(ABC):
    """Token ids of one sequence to bytes, in order. Not shared between sequences."""

    @abstractmethod
    def push(self, token: int) -> bytes: ...


class Codec(ABC):
    """Text to token ids and back. Thread-safe."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Ids of `text`; special tokens in it are recognised, none are added. Must release the GIL."""

    @abstractmethod
    def decoder(self, prompt: Sequence[int] = ()) -> Decoder:
        """A decoder for the tokens that follow `prompt`."""

    @abstractmethod
    def piece(self, token: int) -> bytes:
        """The bytes of one token without context, for logprobs. b"" for a token that is never shown."""

    def guide_tokenizer(self) -> object:
        """The tokenizer in llguidance's form (`llguidance.LLTokenizer`), made once per model."""
        raise NotImplementedError


class Guide(ABC):
    """A token-level automaton that constrains one sequence. Methods never raise: a fault forces the end.

    The engine calls it, on the engine thread: `mask` before it samples a token and `advance` with the token it took, or
    `take` with one that it would like. It does so itself because some engines sample the next token before the core has
    seen the last.
    """

    @property
    def complete(self) -> bool:
        """What was generated so far is whole, and nothing may follow it."""
        return False

    @property
    def cut(self) -> bool:
        """The answer was brought to an end because its tokens run out."""
        return False

    @abstractmethod
    def mask(self) -> np.ndarray[Any, Any] | None:
        """Allowed tokens as a packed little-endian bit mask (uint8, ceil(vocabulary / 8)), or None for all."""

    @abstractmethod
    def accepts(self, token: int) -> bool: ...

    @abstractmethod
    def advance(self, token: int) -> None: ...

    def take(self, token: int) -> bool:
        """Advance with a token if it is accepted; says whether it was."""
        if not self.accepts(token):
            return False
        self.advance(token)
        return True


class Snapshot(ABC):
    """The KV state of a sequence's first `len(tokens)` tokens. Immutable for its holder."""

    tokens: np.ndarray[Any, Any]
    nbytes: int

    @property
    def in_place(self) -> bool:
        """Whether it lies within memory that the engine has anyway (`Engine.allocated_bytes`)."""
        return False

    @abstractmethod
    def cut(self, n: int) -> Snapshot | None:
        """The same state, first `n` tokens only; None where the architecture cannot be cut there."""

    def export(self) -> tuple[dict[str, Any], list[memoryview]]:
        """Header and buffers for a disk tier; see `Engine.restore`."""
        raise NotImplementedError

    def drop(self) -> None:
        """The cache no longer holds it. For engines whose snapshots own something besides memory."""


class SequenceTask:
    """One sequence for an engine to run. The core makes it; the engine keeps what it needs.

    `tokens` is the whole prompt (int list, never changed by the engine); the first `cut` of them are covered
    by `prefix` (a snapshot already cut to that length), 0 <= cut < len(tokens). `marks` are prompt lengths, ascending,
    at which the engine reports `AtMark` before it goes on, so that the core can take a snapshot. `limit` is the
    most tokens to generate. `eos` tokens end the sequence and are reported with end="eos".

    `media` are the pictures of the prompt, whose positions hold negative ids in `tokens` (see `vision`); snapshots are
    kept under these. What the model computes with is `own_ids`. A prefix never ends inside a picture.
    """

    __slots__ = (
        "cut",
        "eos",
        "guide",
        "limit",
        "marks",
        "media",
        "prefix",
        "sampling",
        "sid",
        "tokens",
        "top_logprobs",
    )

    def __init__(
        self,
        sid: int,
        tokens: list[int],
        *,
        limit: int,
        sampling: SamplerSettings,
        eos: frozenset[int] = frozenset(),
        prefix: Snapshot | None = None,
        cut: int = 0,
        marks: tuple[int, ...] = (),
        guide: Guide | None = None,
        top_logprobs: int | None = None,
        media: tuple[MediaSpan, ...] = (),
    ) -> None:
        self.sid = sid
        self.tokens = tokens
        self.limit = limit
        self.sampling = sampling
        self.eos = eos
        self.prefix = prefix
        self.cut = cut
        self.marks = marks
        self.guide = guide
        self.top_logprobs = top_logprobs
        self.media = media

    def own_ids(self) -> list[int]:
        """The prompt with the model's own ids where pictures are."""
        return own_ids(self.tokens, self.media) if self.media else self.tokens


class Prefilled(msgspec.Struct, gc=False):
    """`done` prompt tokens of sequence `sid` are in the KV cache (those of its prefix included)."""

    sid: int
    done: int


class AtMark(msgspec.Struct, gc=False):
    """Sequence `sid` holds exactly its first `n` prompt tokens: `Engine.snapshot(sid)` is possible now."""

    sid: int
    n: int


class Token(msgspec.Struct):
    """A generated token. `end` is set on the last one: the row has left the batch but can still be snapshot.

    `logprob` and `top` (ids with their logprobs, best first) are filled where `top_logprobs` was not None.
    """

    sid: int
    id: int
    end: Literal["eos", "length"] | None = None
    logprob: float = 0.0
    top: tuple[tuple[int, float], ...] = ()


class Broken(msgspec.Struct):
    """Sequence `sid` cannot go on; the others can. The row is already gone."""

    sid: int
    error: str


Out: TypeAlias = Prefilled | AtMark | Token | Broken


class Budget(msgspec.Struct, frozen=True):
    """What one step may do: every decode row once, and at most `prefill` prompt tokens."""

    prefill: int


class Engine(ABC):
    """Runs sequences of one model together. A row is in prefill, then in decode, then ended.

    An ended row (after `Token.end`) stays until `remove`, so that its state can be kept.
    """

    rows: int = 1
    least_prefill: int = 32
    """Prompt tokens of which fewer would hardly make a step shorter: the least that is read beside running rows."""

    @abstractmethod
    def cost(self, lengths: Sequence[int]) -> int:
        """Bytes of KV if sequences of these total lengths (prompt + limit) ran together."""

    @abstractmethod
    def insert(self, task: SequenceTask) -> None:
        """Take a sequence in, without computing. The core never exceeds `rows`."""

    @abstractmethod
    def step(self, budget: Budget) -> list[Out]:
        """One bounded turn. An exception fails every live row and is followed by `reset`."""

    @abstractmethod
    def snapshot(self, sid: int) -> Snapshot | None:
        """The state of a row at a mark, or after its end; None where none can be taken."""

    @abstractmethod
    def remove(self, sid: int, keep: bool) -> Snapshot | None:
        """Drop a row in any state; with `keep`, return what it holds (prompt so far and generated tokens)."""

    def restore(self, header: dict[str, Any], buffers: list[memoryview]) -> Snapshot:
        """The snapshot that `Snapshot.export` wrote."""
        raise NotImplementedError

    def live_bytes(self) -> int:
        """Bytes of KV held by rows now."""
        return 0

    def allocated_bytes(self) -> int:
        """Bytes of KV that are held all the time, for rows to come; 0 where the cache grows with its rows."""
        return 0

    def interrupt(self) -> None:
        """Make a running `step` return early if it can. The only method other threads call; may do nothing."""

    @abstractmethod
    def reset(self) -> None:
        """Forget every row and start anew, after an exception out of `step`."""

    def close(self) -> None:
        """Free everything; the engine is not used again."""


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
