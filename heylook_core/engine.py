"""What the core and an engine that takes tokens say to each other.

Every method of Engine and Snapshot is called on the model's one engine thread, except `Engine.interrupt` (any thread);
those of the Codec on the prepare thread and the engine thread at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from heylook_core.messages import SamplerSettings
from heylook_core.vision import MediaSpan, own_ids

if TYPE_CHECKING:
    import numpy as np


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
