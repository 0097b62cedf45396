"""Wire Structs of transcriptions."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

Granularity: TypeAlias = Literal["word", "segment"]
Temperature: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]


class OpenAITranslationFields(msgspec.Struct):
    """Text fields of the form; the sound file is the part `file`."""

    model: str | None = None
    prompt: str | None = None
    response_format: str = "json"
    temperature: Temperature | None = None
    keep_alive: str | None = None


class OpenAITranscriptionFields(OpenAITranslationFields):
    """Text fields of the form; the sound file is the part `file`. Lists may be named with `[]` and are repeated."""

    language: str | None = None
    timestamp_granularities: list[Granularity] | None = None
    include: list[Literal["logprobs"]] | None = None
    stream: bool = False
    chunking_strategy: str | None = None
    keywords: list[str] | None = None
    languages: list[str] | None = None


class OpenAIAudioUsage(msgspec.Struct):
    """`seconds` of audio."""

    seconds: float
    type: Literal["duration"] = "duration"


class OpenAITranscriptionLogprob(msgspec.Struct):
    token: str
    bytes: list[int]
    logprob: float


class OpenAITranscription(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The format `json`; it has nothing else, by which it is told from the others."""

    text: str
    usage: OpenAIAudioUsage
    logprobs: list[OpenAITranscriptionLogprob] | None = None


class OpenAITranscriptionSegment(msgspec.Struct):
    """Whisper's ten fields. `seek` and `no_speech_prob` mean nothing for other models and are 0."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class OpenAITranscriptionWord(msgspec.Struct):
    word: str
    start: float
    end: float


class OpenAIVerboseTranscription(msgspec.Struct, omit_defaults=True):
    """The format `verbose_json`."""

    task: Literal["transcribe", "translate"]
    language: str
    duration: float
    text: str
    usage: OpenAIAudioUsage
    segments: list[OpenAITranscriptionSegment] | None = None
    words: list[OpenAITranscriptionWord] | None = None


class OpenAITranscriptionDelta(msgspec.Struct, omit_defaults=True, tag="transcript.text.delta", tag_field="type"):
    """Text that comes after all deltas before, and will not change."""

    delta: str
    logprobs: list[OpenAITranscriptionLogprob] | None = None


class OpenAITranscriptionDone(msgspec.Struct, omit_defaults=True, tag="transcript.text.done", tag_field="type"):
    """The last event of a stream: the whole text."""

    text: str
    usage: OpenAIAudioUsage
    logprobs: list[OpenAITranscriptionLogprob] | None = None


class OpenAISpeechModel(msgspec.Struct):
    """A model that transcribes. What only a loaded model tells is null until it is loaded."""

    id: str
    name: str
    provider: str
    loaded: bool
    capabilities: dict[str, Any]
    languages: list[str] | None = None
    max_seconds: float | None = None


class OpenAISpeechModelList(msgspec.Struct):
    models: list[OpenAISpeechModel]
