"""What a form asks of a transcription, checked, and the answer to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from heylook_api_openai.languages import code_of
from heylook_api_openai.stream import encode
from heylook_api_openai.transcript_formats import FORMATS, Transcript, TranscriptFormat, token_logprobs
from heylook_api_openai.transcription_schema import (
    Granularity,
    OpenAITranscriptionDelta,
    OpenAITranscriptionDone,
    OpenAITranscriptionFields,
    OpenAITranslationFields,
)
from heylook_core.dialect import Form, Upload
from heylook_core.errors import InvalidRequest, MissingField, Unsupported
from heylook_core.hearing import Hearing
from heylook_core.messages import Event
from heylook_core.spoken import Hint, Segment, SpeechInfo, TranscribeOptions

IGNORED = "x-heylook-ignored"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A form as it was meant. `given` are the fields that models may or may not heed, `idle` those that none does."""

    upload: Upload
    model: str | None
    options: TranscribeOptions
    format: TranscriptFormat
    granularities: tuple[Granularity, ...] = ()
    logprobs: bool = False
    stream: bool = False
    keep_alive: str | None = None
    given: tuple[Hint, ...] = ()
    idle: tuple[str, ...] = ()


def transcription_asked(form: Form) -> Asked:
    """Raises InvalidRequest, MissingField and Unsupported that name the field."""
    fields = form.decode(OpenAITranscriptionFields)
    format = _format(fields.response_format)
    if fields.timestamp_granularities is not None and format != "verbose_json":
        message = "`timestamp_granularities` needs the `response_format` verbose_json."
        raise InvalidRequest(message, param="timestamp_granularities")
    if fields.include and format != "json":
        raise InvalidRequest("`include` logprobs needs the `response_format` json.", param="include")
    if fields.stream and format not in ("json", "text"):
        raise InvalidRequest(f"`stream` does not go with the `response_format` {format}.", param="stream")
    languages = fields.languages or []
    language = fields.language or (languages[0] if len(languages) == 1 else None)
    options = TranscribeOptions(
        language=code_of(language), prompt=fields.prompt or None, temperature=fields.temperature or None
    )
    idle = [name for name in ("chunking_strategy", "keywords") if getattr(fields, name)]
    return Asked(
        upload=_file(form),
        model=fields.model,
        options=options,
        format=format,
        granularities=tuple(fields.timestamp_granularities or ("segment",)) if format == "verbose_json" else (),
        logprobs=bool(fields.include),
        stream=fields.stream,
        keep_alive=fields.keep_alive,
        given=_given(options),
        idle=(*idle, *(["languages"] if len(languages) > 1 else []), *form.unknown(OpenAITranscriptionFields)),
    )


def translation_asked(form: Form) -> Asked:
    """Raises like `transcription_asked`."""
    fields = form.decode(OpenAITranslationFields)
    format = _format(fields.response_format)
    options = TranscribeOptions(task="translate", prompt=fields.prompt or None, temperature=fields.temperature or None)
    return Asked(
        upload=_file(form),
        model=fields.model,
        options=options,
        format=format,
        granularities=("segment",) if format == "verbose_json" else (),
        keep_alive=fields.keep_alive,
        given=_given(options),
        idle=tuple(form.unknown(OpenAITranslationFields)),
    )


def _format(name: str) -> TranscriptFormat:
    for format in FORMATS:
        if name == format:
            return format
    why = " (no model here tells speakers apart)" if name == "diarized_json" else ""
    message = f"`response_format` is {name[:40]!r}{why}; expected one of {', '.join(FORMATS)}."
    raise InvalidRequest(message, param="response_format")


def _file(form: Form) -> Upload:
    upload = form.file("file")
    if upload is None:
        raise MissingField(
            "The required file `file` is missing: send the audio as a part with a file name.", param="file"
        )
    if others := [file.name for file in form.files if file is not upload]:
        raise InvalidRequest(
            f"One file is transcribed at a time; there is another one in `{others[0][:40]}`.", param="file"
        )
    if not upload.size:
        raise InvalidRequest("The file is empty.", param="file")
    return upload


def _given(options: TranscribeOptions) -> tuple[Hint, ...]:
    names: tuple[Hint, ...] = ("language", "prompt", "temperature")
    return tuple(name for name in names if getattr(options, name) is not None)


def check_answerable(asked: Asked, speech: SpeechInfo) -> None:
    """Raise Unsupported for what this model does not tell."""
    if "word" in asked.granularities and not speech.words:
        raise Unsupported("This model does not tell the times of words.", param="timestamp_granularities")
    if asked.logprobs and not speech.tokens:
        raise Unsupported("This model does not tell log-probabilities.", param="include")


def headers_of(asked: Asked, speech: SpeechInfo | None) -> dict[str, str]:
    """Names the fields that had no effect, as far as it is known yet what the model can do."""
    unheeded = [name for name in asked.given if speech is not None and name not in speech.hints]
    without = [*unheeded, *asked.idle]
    clean = [name for name in without if name.isascii() and name.isprintable()]
    return {IGNORED: ", ".join(clean)[:500]} if clean else {}


async def whole_transcript(run: Hearing, asked: Asked) -> Transcript:
    try:
        segments = [segment async for events in run for segment in final_segments(events)]
        return transcript_of(run, asked, segments)
    finally:
        run.close()


def transcript_of(run: Hearing, asked: Asked, segments: Sequence[Segment]) -> Transcript:
    return Transcript(segments, run.audio_seconds, asked.options.task, asked.options.language)


def final_segments(events: Sequence[Event]) -> list[Segment]:
    return [event for event in events if isinstance(event, Segment) and event.final and event.text]


async def transcript_stream(run: Hearing, asked: Asked) -> AsyncIterator[bytes]:
    """Server-sent events; what was said is told as soon as it cannot change."""
    segments: list[Segment] = []
    try:
        async for events in run:
            for segment in final_segments(events):
                segments.append(segment)
                scores = token_logprobs([segment]) if asked.logprobs else None
                yield _frame(OpenAITranscriptionDelta(segment.text, scores))
            if not events:
                yield b": keepalive %.0f s\n\n" % run.heard
        said = transcript_of(run, asked, segments)
        scores = token_logprobs(segments) if asked.logprobs else None
        yield _frame(OpenAITranscriptionDone(said.text, said.usage, scores))
    finally:
        run.close()


def _frame(event: Any) -> bytes:
    return b"data: %b\n\n" % encode(event)
