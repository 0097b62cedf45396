"""One record per finished request, and the sinks that receive them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import msgspec

from heylook_core.hookspecs import hookimpl


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request once it is over. Numbers and names only, never a prompt or an answer.

    `at` is Unix time at arrival; durations are seconds. Counts are tokens, summed over choices.
    """

    request_id: str
    at: float
    dialect: str
    kind: Literal["chat", "completion", "embedding", "transcription", "tokens"]
    model: str
    provider: str
    streamed: bool
    outcome: Literal["ok", "failed", "cancelled"]
    error: str | None = None
    finish: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    queue_seconds: float = 0.0
    load_seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    first_token_seconds: float = 0.0
    total_seconds: float = 0.0
    reuse: str = ""


class Sink(ABC):
    """Receives finished-request records. `record` is called on the event loop: queue what is slow."""

    @abstractmethod
    def record(self, record: RequestRecord) -> None: ...

    @hookimpl
    def request_finished(self, record: RequestRecord) -> None:
        """How the records come: a sink is registered for hooks (`sinks.attached`), and may implement others."""
        self.record(record)

    def close(self) -> None:
        """Write what is pending; the server is going down."""


class JsonLinesSink(Sink):
    """Appends one JSON object per record to `logs/requests.jsonl`. One write per record, no buffering."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path("logs") / "requests.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)

    def record(self, record: RequestRecord) -> None:
        self._file.write(msgspec.json.encode(record) + b"\n")

    def close(self) -> None:
        self._file.close()
