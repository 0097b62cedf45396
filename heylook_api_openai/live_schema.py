"""Messages of /v1/stt/stream (`docs/reference/speech.md`). Times are seconds of the session's audio."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

PROTOCOL = "heylook.stt.v1"

Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=100, le=10_000)]


class LiveVad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an utterance ends: after so much silence; louder than `threshold` (0 to 1) over the noise is speech."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    silence_duration_ms: Milliseconds = 700
    prefix_padding_ms: Annotated[int, msgspec.Meta(ge=0, le=2_000)] = 300


class LiveConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters, and fields of the message `config`, which comes before any audio. `vad` null ends no utterance
    by itself.
    """

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    sample_rate: Annotated[int, msgspec.Meta(ge=8_000, le=48_000)] = 16_000
    partials: bool = True
    partial_interval_ms: Milliseconds = 500
    word_timestamps: bool = False
    vad: LiveVad | None = LiveVad()


class LiveCommit(msgspec.Struct, frozen=True, tag="commit", tag_field="type"):
    """The utterance ends here."""


class LiveClear(msgspec.Struct, frozen=True, tag="clear", tag_field="type"):
    """Forget the utterance so far."""


class LiveClose(msgspec.Struct, frozen=True, tag="close", tag_field="type"):
    """Tell the rest, then close."""


class LivePing(msgspec.Struct, frozen=True, tag="ping", tag_field="type"):
    id: str | int | None = None


class LiveConfigure(msgspec.Struct, frozen=True, tag="config", tag_field="type", kw_only=True):
    """As `LiveConfig`; what is not named stays as it is."""

    model: str | msgspec.UnsetType | None = msgspec.UNSET
    language: str | msgspec.UnsetType | None = msgspec.UNSET
    prompt: str | msgspec.UnsetType | None = msgspec.UNSET
    sample_rate: int | msgspec.UnsetType = msgspec.UNSET
    partials: bool | msgspec.UnsetType = msgspec.UNSET
    partial_interval_ms: int | msgspec.UnsetType = msgspec.UNSET
    word_timestamps: bool | msgspec.UnsetType = msgspec.UNSET
    vad: LiveVad | msgspec.UnsetType | None = msgspec.UNSET


LiveMessage: TypeAlias = LiveConfigure | LiveCommit | LiveClear | LiveClose | LivePing


class LiveSessionFacts(msgspec.Struct, frozen=True):
    id: str
    model: str
    sample_rate: int
    max_seconds: float
    encoding: Literal["pcm_s16le"] = "pcm_s16le"


class LiveCreated(msgspec.Struct, frozen=True, tag="session.created", tag_field="type"):
    session: LiveSessionFacts


class LiveUpdated(msgspec.Struct, frozen=True, tag="session.updated", tag_field="type"):
    session: LiveSessionFacts


class LiveSpeechStarted(msgspec.Struct, frozen=True, tag="speech_started", tag_field="type"):
    utterance: int
    start: float


class LivePartial(msgspec.Struct, frozen=True, tag="partial", tag_field="type"):
    """Replaces the last one of its utterance; the first `stable_chars` characters will not change. Unix `timestamp`."""

    utterance: int
    text: str
    stable_chars: int
    start: float
    end: float
    timestamp: float


class LiveWord(msgspec.Struct, frozen=True):
    word: str
    start: float
    end: float
    confidence: float


class LiveFinal(msgspec.Struct, frozen=True, tag="final", tag_field="type", kw_only=True):
    """The last word about an utterance. `words` are told where they were asked for and the model knows them."""

    utterance: int
    text: str
    start: float
    end: float
    confidence: float
    language: str | None
    timestamp: float
    words: list[LiveWord] | msgspec.UnsetType = msgspec.UNSET


class LiveWarning(msgspec.Struct, frozen=True, tag="warning", tag_field="type"):
    code: str
    message: str


class LiveError(msgspec.Struct, frozen=True, tag="error", tag_field="type"):
    """`error` is a sentence. After a fatal one the connection is closed."""

    error: str
    code: str
    fatal: bool


class LivePong(msgspec.Struct, frozen=True, tag="pong", tag_field="type"):
    id: str | int | None = None


class LiveClosed(msgspec.Struct, frozen=True, tag="session.closed", tag_field="type"):
    """The last message; `duration` is how much audio there was."""

    duration: float


LiveNews: TypeAlias = (
    LiveCreated
    | LiveUpdated
    | LiveSpeechStarted
    | LivePartial
    | LiveFinal
    | LiveWarning
    | LiveError
    | LivePong
    | LiveClosed
)
