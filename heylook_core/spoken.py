"""The vocabulary of speech: what a transcription asks, what a model says of itself, and the events that answer.

Audio is 16 kHz mono float32, about -1 to 1, on its way to a model. Times are seconds from the start of the audio,
of a live session's audio where there is one.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 4
PCM_BYTES = 2  # of a sample on its way to a live session

Hint: TypeAlias = Literal["language", "prompt", "temperature"]


class SpeechInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a loaded speech model can do.

    `languages` are ISO 639-1 codes, empty where the model does not say; it finds out by itself which one is spoken.
    `hints` are the options that change what it writes: a request that gives others is told that they had no effect.
    `words` and `tokens` say whether its segments have words with times, and tokens with probabilities.
    `longest` is how many seconds of audio it takes at most, `window` how many it looks at together.
    """

    languages: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()
    words: bool = True
    tokens: bool = True
    longest: float = 3600.0
    window: float = 15.0


class TranscribeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a transcription asks for. `language` is the ISO 639-1 code of what is spoken, None to find out.

    With the task `translate` the text is English; needs the capability of that name. `prompt` is text that came
    before, for spelling and style.
    """

    task: Literal["transcribe", "translate"] = "transcribe"
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None


class Endpointing(msgspec.Struct, frozen=True, kw_only=True):
    """When an utterance ends: after `silence` seconds that are not louder than `threshold` (0: whisper, 1: shout) over
    the noise around. `padding` seconds before its first sound belong to it.
    """

    threshold: float = 0.5
    silence: float = 0.7
    padding: float = 0.3


class LiveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a live session asks for. Its audio is 16-bit little-endian mono at `sample_rate`.

    `endpointing` None leaves the end of utterances to the client, and to the model's window. With `partials` what is
    understood so far is told every `partial_interval` seconds of audio.
    """

    transcribe: TranscribeOptions = TranscribeOptions()
    sample_rate: int = SAMPLE_RATE
    endpointing: Endpointing | None = Endpointing()
    partials: bool = True
    partial_interval: float = 0.5


class SpokenToken(msgspec.Struct, frozen=True, array_like=True):
    """One token that a speech model wrote, with its text (a space before it belongs to it) and probability (0 to 1)."""

    id: int
    text: str
    start: float
    end: float
    probability: float


class Word(msgspec.Struct, frozen=True, array_like=True):
    """A word without spaces around it; punctuation belongs to the word before. `confidence` is 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float = 1.0


class Segment(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """A stretch of speech. The texts of all final segments, put together as they are, make the transcript: a segment
    that is to be kept apart from the one before begins with a space.

    A final segment never changes. One that is not is a live session's guess at the utterance so far, and replaces the
    guess before; the first `stable` characters of it will not change. `utterance` counts a session's utterances.
    `confidence` is 0 to 1; `language` an ISO 639-1 code, None where it is not known.
    """

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()
    tokens: tuple[SpokenToken, ...] = ()
    confidence: float = 1.0
    language: str | None = None
    final: bool = True
    utterance: int = 0
    stable: int = 0


class SpeechStarted(msgspec.Struct, frozen=True, array_like=True, tag="ss"):
    """A live session hears utterance number `utterance`, from `start` on."""

    utterance: int
    start: float


class Heard(msgspec.Struct, frozen=True, array_like=True, tag="h"):
    """The audio before `seconds` has been worked through."""

    seconds: float


class Credit(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """The worker takes `bytes` more of audio."""

    bytes: int
