"""One record per finished request, and the sinks that receive them."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec

from heylook_core.hookspecs import hookimpl

log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["chat", "completion", "embedding", "transcription", "speech", "rerank", "tokens"]
Outcome: TypeAlias = Literal["ok", "failed", "cancelled"]


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request once it is over. Numbers and names only, never a prompt or an answer.

    `at` is Unix time at arrival; durations are seconds. Counts are tokens, summed over choices; the prompt counts
    once. `provider` is empty where no model was found; `model` is then what was asked for. `error` is the kind of a
    class in `errors`; `status` the HTTP status that the client got, or that its error stands for where the answer had
    begun (499 where it was cancelled). `load_seconds` is all waiting for the model to be in memory, `queue_seconds` for
    a place in it. The gaps between tokens are those of the slowest choice.
    """

    request_id: str
    at: float
    dialect: str
    kind: Kind
    model: str
    provider: str
    streamed: bool
    outcome: Outcome
    status: int = 200
    error: str | None = None
    finish: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    audio_seconds: float = 0.0
    queue_seconds: float = 0.0
    load_seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    first_token_seconds: float = 0.0
    gap_p50_seconds: float = 0.0
    gap_p95_seconds: float = 0.0
    total_seconds: float = 0.0
    reuse: str = ""

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens after the first one by the time they took; 0.0 where there are none."""
        return (self.completion_tokens - 1) / self.decode_seconds if self.decode_seconds > 0 else 0.0


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was said, for plugins that ask for it (`content_wanted`). Images and audio are never part of it.

    `messages` have the keys of an OpenAI conversation, with texts only; `prompt` is a raw prompt. `answers` has the
    text of each choice, `error` the sentence that the client was told.
    """

    messages: tuple[dict[str, Any], ...] = ()
    prompt: str = ""
    answers: tuple[str, ...] = ()
    error: str = ""


class NoSinkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For sinks that have nothing to configure."""


class Sink(ABC):
    """Receives finished-request records. `record` is called on the event loop: queue what is slow.

    Made when the server starts, with its part of the configuration as an instance of its `Config`.
    """

    Config: ClassVar[type[Any]] = NoSinkConfig
    wants_content: bool = False

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def record(self, record: RequestRecord) -> None: ...

    def record_content(self, record: RequestRecord, content: Exchanged) -> None:
        """In place of `record` where `wants_content` is true."""
        self.record(record)

    @hookimpl
    def content_wanted(self) -> bool:
        return self.wants_content

    @hookimpl
    def request_finished(self, record: RequestRecord, content: Exchanged | None) -> None:
        """How the records come: a sink is registered for hooks (`sinks.attached`), and may implement others."""
        if content is not None and self.wants_content:
            self.record_content(record, content)
        else:
            self.record(record)

    def close(self) -> None:
        """Write what is pending; the server is going down."""


class JsonLinesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rotate_mb` megabytes make a file full; `rotate_count` full ones are kept beside it."""

    path: str = "logs/requests.jsonl"
    rotate_mb: Annotated[int, msgspec.Meta(ge=1)] = 100
    rotate_count: Annotated[int, msgspec.Meta(ge=0)] = 10


class JsonLinesSink(Sink):
    """Appends one JSON object per record to `logs/requests.jsonl`. One write per record, no buffering.

    A full file becomes `requests.jsonl.1`, that one `.2`, and so on. While the disk is full records are dropped, with
    one warning; no line is ever left half written before another.
    """

    Config = JsonLinesConfig

    def __init__(self, config: JsonLinesConfig) -> None:
        self.path = Path(config.path).expanduser()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._most = config.rotate_mb << 20
        self._keep = config.rotate_count
        self._dropped = 0
        self._open()
        log.info("Requests are recorded in %s.", self.path)

    def _open(self) -> None:
        self._file = self.path.open("ab", buffering=0)
        self._size = self._file.tell()

    def record(self, record: RequestRecord) -> None:
        line = msgspec.json.encode(record) + b"\n"
        try:
            if self._size and self._size + len(line) > self._most:
                self._rotate()
            self._append(line)
        except OSError as error:
            self._drop(error)
        else:
            self._recovered()

    def _append(self, line: bytes) -> None:
        """A write that falls short is taken back: the next line must begin where a line ends."""
        written = self._file.write(line)
        if written != len(line):
            self._file.truncate(self._size)
            raise OSError(28, "No space left on device")
        self._size += len(line)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        if not self._keep:
            self.path.unlink()
        self._open()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path

    def _drop(self, error: OSError) -> None:
        if not self._dropped:
            log.warning("Records of requests are dropped: %s cannot be written (%s).", self.path, error.strerror)
        self._dropped += 1

    def _recovered(self) -> None:
        if self._dropped:
            log.warning("%s can be written again; %d records were dropped.", self.path, self._dropped)
            self._dropped = 0

    def close(self) -> None:
        self._file.close()
