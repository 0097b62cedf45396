"""The messages between the server and a worker. Frozen, tagged, array-like: cheap in msgpack.

Each message to a worker carries the `epoch` of the incarnation it is meant for, and each frame from one
the epoch it was made in, so that nothing of a dead worker reaches a living request.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from heylook_core.messages import ChatRequest, Event
from heylook_core.prefix.figures import TierFigures
from heylook_core.provider import EmbedOptions, ModelInfo, ModelSpec
from heylook_core.settings import TierSettings
from heylook_core.spoken import LiveOptions, TranscribeOptions

Rid: TypeAlias = int


class Lease(msgspec.Struct, frozen=True, array_like=True):
    """Bytes a worker may use: `kv` for running rows, `kept` for the prefix cache. 0 means none, -1 no limit.

    A request that needs more than `kv` by itself waits for a larger lease, up to `most`; beyond that it is refused.
    `serial` numbers the leases of one worker, so that its gauges can say which one it is in.
    """

    kv: int = -1
    kept: int = 256 << 20
    most: int = 0
    serial: int = 0


class Load(msgspec.Struct, frozen=True, array_like=True, tag="load"):
    """First message of an incarnation. `tier` keeps what the memory cache lets go of."""

    epoch: int
    spec: ModelSpec
    lease: Lease
    tier: TierSettings | None = None


class Submit(msgspec.Struct, frozen=True, array_like=True, tag="submit"):
    """Prepare, queue and run `request`. Answered by Accepted and then events, or by Failed.

    `request_id` is for log lines, here and in Call.
    """

    rid: Rid
    request: ChatRequest
    request_id: str = ""


class Embed(msgspec.Struct, frozen=True, array_like=True, tag="embed"):
    """Vectors for texts or token lists."""

    inputs: tuple[str | tuple[int, ...], ...]
    options: EmbedOptions = EmbedOptions()


class Tokenize(msgspec.Struct, frozen=True, array_like=True, tag="tokenize"):
    """Token ids of a text, or of the prompt that `request` comes to. Answered by `Tokens` and Finished.

    `begin` puts the model's own first token before a text where it asks for one, as before a raw prompt.
    """

    text: str = ""
    request: ChatRequest | None = None
    begin: bool = True


class Detokenize(msgspec.Struct, frozen=True, array_like=True, tag="detokenize"):
    """The text of token ids. Answered by one Text and Finished."""

    ids: tuple[int, ...]


class Render(msgspec.Struct, frozen=True, array_like=True, tag="render"):
    """The prompt that a chat request would be given to the model as, as one Text."""

    request: ChatRequest


class ClearCache(msgspec.Struct, frozen=True, array_like=True, tag="clear"):
    """Drop every kept prefix."""


class Transcribe(msgspec.Struct, frozen=True, array_like=True, tag="transcribe"):
    """Text of the audio that `Feed` brings: 16 kHz mono float32. Answered by Accepted, Credit, Segment and Finished."""

    options: TranscribeOptions


class OpenSession(msgspec.Struct, frozen=True, array_like=True, tag="session"):
    """Listen to the audio that `Feed` brings, 16-bit mono at the rate of the options, until its end."""

    options: LiveOptions


Operation: TypeAlias = Embed | Tokenize | Detokenize | Render | ClearCache | Transcribe | OpenSession


class Call(msgspec.Struct, frozen=True, array_like=True, tag="call"):
    """Do something that is not generation. Answered by events that end with Finished or Failed."""

    rid: Rid
    operation: Operation
    request_id: str = ""


class Feed(msgspec.Struct, frozen=True, array_like=True, tag="feed"):
    """Audio for a transcription or a session, never more than its credit; or what to do after that: `commit` ends an
    utterance, `clear` forgets it, `end` says that nothing more comes.
    """

    rid: Rid
    data: bytes = b""
    command: Literal["audio", "commit", "clear", "end"] = "audio"


class Cancel(msgspec.Struct, frozen=True, array_like=True, tag="cancel"):
    """Stop `rid`; answered by Finished("cancelled") unless it has ended already."""

    rid: Rid


class SetLease(msgspec.Struct, frozen=True, array_like=True, tag="lease"):
    """Stay inside this from now on; answered by a frame with gauges."""

    lease: Lease


class Unload(msgspec.Struct, frozen=True, array_like=True, tag="unload"):
    """Fail what runs, write kept prefixes to the tier for at most `seconds`, close the model, answer Closed, end."""

    seconds: float = 2.0


ToWorker: TypeAlias = Load | Submit | Call | Feed | Cancel | SetLease | Unload


class Gauges(msgspec.Struct, frozen=True, array_like=True):
    """What the worker holds: bytes of weights, live KV and kept prefixes; rows that run and that wait.

    `entries`, `lookups`, `hits` and `evicted` (bytes) are the memory cache's, the last three since the load; `tier` is
    what the tier says of itself, `tier_refused` why there is none although one was asked for.

    `allocated` is KV that the engine holds whether rows use it or not: live KV is within it, and so are `in_place`
    bytes of the kept ones. `reserved` is what the running rows may come to, `wanted` what a request needs that waits
    for a larger lease, `floor` what one sequence of ordinary length needs. `lease` is the serial of the lease in force.
    """

    weights: int = 0
    live_kv: int = 0
    kept: int = 0
    live: int = 0
    queued: int = 0
    entries: int = 0
    lookups: int = 0
    hits: int = 0
    evicted: int = 0
    tier: TierFigures | None = None
    tier_refused: str = ""
    allocated: int = 0
    in_place: int = 0
    reserved: int = 0
    wanted: int = 0
    floor: int = 0
    scratch: int = 0
    lease: int = 0

    @property
    def kept_beside(self) -> int:
        """Bytes of kept prefixes that are not within the engine's own cache."""
        return max(self.kept - self.in_place, 0)

    @property
    def total(self) -> int:
        """All bytes that the model holds now."""
        return self.weights + self.scratch + max(self.allocated, self.live_kv) + self.kept_beside


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The model is loaded."""

    epoch: int
    info: ModelInfo
    seconds: float
    gauges: Gauges = Gauges()


class LoadRefused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """The model could not be loaded; the worker ends after this. `memory` says that memory ran out."""

    epoch: int
    message: str
    memory: bool = False


class Turn(msgspec.Struct, frozen=True, array_like=True, tag="turn"):
    """One turn of the worker's loop: the events of all requests, and gauges from time to time."""

    epoch: int
    items: list[tuple[Rid, list[Event]]]
    gauges: Gauges | None = None


class Logged(msgspec.Struct, frozen=True, array_like=True, tag="log"):
    """A line of a worker process for the server's log. `error` is a traceback, `at` Unix time."""

    epoch: int
    logger: str
    level: int
    message: str
    at: float
    request_id: str = ""
    error: str = ""


class Closed(msgspec.Struct, frozen=True, array_like=True, tag="closed"):
    """The worker has given everything back; its last frame."""

    epoch: int


FromWorker: TypeAlias = Ready | LoadRefused | Turn | Logged | Closed
