"""Live speech on a model that takes whole recordings: utterances are found and given to it, again while they grow.

The work for one guess is bounded by the model's window: an utterance that gets longer is cut where it is quietest, and
the next one begins with a little of the audio before the cut, so that no word is torn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from heylook_core.speech.loudness import FRAME, FRAME_SECONDS, EdgeFinder, levels
from heylook_core.speech.session import News, Session
from heylook_core.speech.stable import Understood
from heylook_core.spoken import (
    SAMPLE_RATE,
    Heard,
    LiveOptions,
    Segment,
    SpeechInfo,
    SpeechStarted,
    SpokenToken,
    TranscribeOptions,
    Word,
)

Block = np.ndarray[Any, Any]
Transcriber = Callable[[Iterator[Block], TranscribeOptions], Iterator[Segment | Heard]]

TAIL_SECONDS = 0.2  # of the silence after an utterance that belong to it
CONTEXT_SECONDS = 2.0
SEARCH_SECONDS = 4.0  # in which the quietest place for a cut is looked for
MARGIN_SECONDS = 0.5  # that a cut keeps from the end of the audio
SMOOTH_FRAMES = 5


class Span(NamedTuple):
    """What a model understood of some audio, in times of the session."""

    text: str
    words: tuple[Word, ...]
    tokens: tuple[SpokenToken, ...]
    confidence: float
    language: str | None


class UtteranceSession(Session):
    """One live session over `transcribe`. Positions are frames of 20 ms from the start of the session."""

    def __init__(self, transcribe: Transcriber, info: SpeechInfo, options: LiveOptions) -> None:
        self._transcribe = transcribe
        self._info = info
        self._options = options
        self._edges = None if options.endpointing is None else EdgeFinder(options.endpointing)
        context = CONTEXT_SECONDS if info.words else 0.0
        self._longest = _frames(max(info.window - context - 1.0, 3.0))
        self._context = _frames(context)
        self._rest = np.zeros(0, np.float32)
        self._audio: list[Block] = []
        self._levels: list[float] = []
        self._first = 0  # frame number of the oldest one that is kept
        self._utterance = 0
        self._start: int | None = None  # of the utterance that is being spoken
        self._lead = 0  # frames before it that are heard with it
        self._taken = 0  # the end of the utterance before
        self._told = 0
        self._understood = Understood()

    # ------------------------------------------------------------------ what a worker calls

    def feed(self, block: Block) -> Iterator[News]:
        samples = np.concatenate([self._rest, block])
        whole = len(samples) // FRAME * FRAME
        self._rest = samples[whole:]
        for frame, level in zip(samples[:whole].reshape(-1, FRAME), levels(samples[:whole]).tolist(), strict=True):
            self._audio.append(frame)
            self._levels.append(level)
            yield from self._next(level)
        if self._start is not None and self._options.partials and self._due:
            yield self._guess(self._start)
        self._forget()

    def commit(self) -> Iterator[News]:
        if self._edges is not None:
            self._edges.reset()
        if self._start is not None:
            yield self._final(self._start, self._end)

    def clear(self) -> None:
        if self._edges is not None:
            self._edges.reset()
        self._leave(self._end)

    def end(self) -> Iterator[News]:
        padded = np.pad(self._rest, (0, -len(self._rest) % FRAME))
        return chain(self.feed(padded[len(self._rest) :]), self.commit())

    # ------------------------------------------------------------------ frame by frame

    @property
    def _end(self) -> int:
        return self._first + len(self._audio)

    @property
    def _due(self) -> bool:
        return self._end - self._told >= _frames(self._options.partial_interval)

    def _next(self, level: float) -> Iterator[News]:
        """The frame that was appended last."""
        edge = self._edges.push(level) if self._edges is not None else None
        if edge == "start" or (self._edges is None and self._start is None):
            yield self._begin()
        elif edge == "end" and self._start is not None:
            silence = self._options.endpointing.silence if self._options.endpointing is not None else 0.0
            yield self._final(self._start, self._end - _frames(max(silence - TAIL_SECONDS, 0.0)))
        if self._start is not None and self._end - self._start >= self._longest:
            yield from self._cut(self._start)

    def _begin(self) -> SpeechStarted:
        padding = 0 if self._options.endpointing is None else _frames(self._options.endpointing.padding)
        self._start = max(self._end - 1 - padding, self._first, self._taken)
        self._told = self._start
        return SpeechStarted(self._utterance, _seconds(self._start))

    def _cut(self, start: int) -> Iterator[News]:
        """The utterance gets too long: it ends where it was quietest of late, and the next one begins there."""
        at = self._quietest(start)
        yield self._final(start, at, heard=self._end)
        self._start = self._told = at
        self._lead = self._context
        yield SpeechStarted(self._utterance, _seconds(at))

    def _quietest(self, start: int) -> int:
        last = self._end - _frames(MARGIN_SECONDS)
        first = max(last - _frames(SEARCH_SECONDS), start + _frames(MARGIN_SECONDS))
        near = self._levels[first - self._first : last - self._first]
        smooth = np.convolve(near, np.ones(SMOOTH_FRAMES) / SMOOTH_FRAMES, mode="valid")
        return first + int(np.argmin(smooth)) + SMOOTH_FRAMES // 2

    # ------------------------------------------------------------------ what was said

    def _guess(self, start: int) -> Segment:
        self._told = self._end
        return self._told_of(start, self._end, self._end, final=False)

    def _final(self, start: int, end: int, *, heard: int | None = None) -> Segment:
        segment = self._told_of(start, end, end if heard is None else heard, final=True)
        self._leave(end)
        return segment

    def _leave(self, end: int) -> None:
        """The utterance is over."""
        if self._start is not None:
            self._utterance += 1
        self._start, self._lead, self._taken = None, 0, end
        self._understood = Understood()

    def _told_of(self, start: int, end: int, heard: int, *, final: bool) -> Segment:
        """What was said from `start` to `end`, with audio up to `heard` to tell it by."""
        span = self._listen(start, end, heard)
        text, words = self._understood.take(span.text, span.words, _seconds(end))
        return Segment(
            text,
            _seconds(start),
            _seconds(end),
            words,
            span.tokens,
            span.confidence,
            span.language,
            final,
            self._utterance,
            len(text) if final else len(self._understood.stable),
        )

    def _listen(self, start: int, end: int, heard: int) -> Span:
        before = max(start - self._lead, self._first)
        if not self._info.words:
            before, heard = start, end
        audio = np.concatenate(self._audio[before - self._first : heard - self._first] or [np.zeros(0, np.float32)])
        found = [
            news for news in self._transcribe(iter([audio]), self._options.transcribe) if isinstance(news, Segment)
        ]
        span = _joined(found, _seconds(before))
        if before < start or heard > end:
            span = _between(span, _seconds(start), _seconds(end))
        return span

    def _forget(self) -> None:
        """Drop the audio that no utterance will need."""
        padding = 0.0 if self._options.endpointing is None else self._options.endpointing.padding
        needed = self._end - _frames(padding + 0.2) if self._start is None else self._start - self._context
        gone = min(max(needed - self._first, 0), len(self._audio))
        del self._audio[:gone], self._levels[:gone]
        self._first += gone


def _frames(seconds: float) -> int:
    return round(seconds / FRAME_SECONDS)


def _seconds(frame: int) -> float:
    return frame * FRAME / SAMPLE_RATE


def _joined(segments: list[Segment], offset: float) -> Span:
    words = tuple(
        Word(word.text, word.start + offset, word.end + offset, word.confidence)
        for segment in segments
        for word in segment.words
    )
    tokens = tuple(
        SpokenToken(token.id, token.text, token.start + offset, token.end + offset, token.probability)
        for segment in segments
        for token in segment.tokens
    )
    confidence = float(np.mean([segment.confidence for segment in segments])) if segments else 0.0
    language = next((segment.language for segment in segments if segment.language), None)
    return Span("".join(segment.text for segment in segments).strip(), words, tokens, confidence, language)


def _between(span: Span, start: float, end: float) -> Span:
    """The words and tokens whose middle lies in there, and the text that they make."""
    words = tuple(word for word in span.words if start <= (word.start + word.end) / 2 < end)
    tokens = tuple(token for token in span.tokens if start <= (token.start + token.end) / 2 < end)
    text = "".join(token.text for token in tokens) if tokens else " ".join(word.text for word in words)
    return span._replace(text=text.strip(), words=words, tokens=tokens)
