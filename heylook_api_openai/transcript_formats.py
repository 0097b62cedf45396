"""A transcript in the formats of the API: json, text, srt, vtt, verbose_json."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from heylook_api_openai.languages import name_of
from heylook_api_openai.transcription_schema import (
    Granularity,
    OpenAIAudioUsage,
    OpenAITranscription,
    OpenAITranscriptionLogprob,
    OpenAITranscriptionSegment,
    OpenAITranscriptionWord,
    OpenAIVerboseTranscription,
)
from heylook_core.dialect import Reply
from heylook_core.speech.sentences import cues, sentences
from heylook_core.spoken import Segment, SpokenToken

TranscriptFormat: TypeAlias = Literal["json", "text", "srt", "vtt", "verbose_json"]
FORMATS: tuple[TranscriptFormat, ...] = ("json", "text", "srt", "vtt", "verbose_json")
PLAIN = "text/plain; charset=utf-8"
LEAST = 1e-10  # probability whose logarithm is still written


class Transcript(msgspec.Struct, frozen=True):
    """What was said in `seconds` of audio."""

    segments: Sequence[Segment]
    seconds: float
    task: Literal["transcribe", "translate"] = "transcribe"
    language: str | None = None

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    @property
    def usage(self) -> OpenAIAudioUsage:
        return OpenAIAudioUsage(round(self.seconds, 3))


def transcript_reply(
    said: Transcript, format: TranscriptFormat, granularities: Sequence[Granularity], logprobs: bool
) -> Reply:
    match format:
        case "text":
            return Reply(body=f"{said.text}\n".encode(), content_type=PLAIN)
        case "srt":
            return Reply(body=srt(said.segments).encode(), content_type=PLAIN)
        case "vtt":
            return Reply(body=vtt(said.segments).encode(), content_type="text/vtt; charset=utf-8")
        case "verbose_json":
            return Reply(body=verbose(said, granularities))
    scores = token_logprobs(said.segments) if logprobs else None
    return Reply(body=OpenAITranscription(said.text, said.usage, scores))


def srt(segments: Sequence[Segment]) -> str:
    return "".join(
        f"{number}\n{_stamp(cue.start, ',')} --> {_stamp(cue.end, ',')}\n{cue.text.strip()}\n\n"
        for number, cue in enumerate(cues(segments), 1)
    )


def vtt(segments: Sequence[Segment]) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_stamp(cue.start, '.')} --> {_stamp(cue.end, '.')}\n{_escaped(cue.text.strip())}\n\n"
        for cue in cues(segments)
    )


def _stamp(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _escaped(text: str) -> str:
    """WebVTT has tags, and an arrow of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def verbose(said: Transcript, granularities: Sequence[Granularity]) -> OpenAIVerboseTranscription:
    words = [word for segment in said.segments for word in segment.words]
    found = next((segment.language for segment in said.segments if segment.language), said.language)
    return OpenAIVerboseTranscription(
        task=said.task,
        language=name_of("en" if said.task == "translate" else found),
        duration=round(said.seconds, 3),
        text=said.text,
        usage=said.usage,
        segments=[_segment(number, one) for number, one in enumerate(sentences(said.segments))]
        if "segment" in granularities
        else None,
        words=[OpenAITranscriptionWord(word.text, _rounded(word.start), _rounded(word.end)) for word in words]
        if "word" in granularities
        else None,
    )


def _segment(number: int, segment: Segment) -> OpenAITranscriptionSegment:
    data = segment.text.encode()
    scores = [_logprob(token) for token in segment.tokens]
    return OpenAITranscriptionSegment(
        id=number,
        seek=0,
        start=_rounded(segment.start),
        end=_rounded(segment.end),
        text=segment.text,
        tokens=[token.id for token in segment.tokens],
        temperature=0.0,
        avg_logprob=sum(scores) / len(scores) if scores else math.log(max(segment.confidence, LEAST)),
        compression_ratio=len(data) / len(zlib.compress(data)),
        no_speech_prob=0.0,
    )


def token_logprobs(segments: Sequence[Segment]) -> list[OpenAITranscriptionLogprob]:
    return [
        OpenAITranscriptionLogprob(token.text, list(token.text.encode()), _logprob(token))
        for segment in segments
        for token in segment.tokens
    ]


def _logprob(token: SpokenToken) -> float:
    return math.log(max(token.probability, LEAST))


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
