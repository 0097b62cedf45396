"""What the scripted provider hears: tone speech (`tone_speech`), written with capitals and full stops.

The tone `fail` raises. Translated, it is all capitals. A prompt that does not end a sentence is gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from heylook_core.provider import Provider
from heylook_core.spoken import Heard, Segment, SpeechInfo, SpokenToken, TranscribeOptions, Word
from heylook_core.testkit.tone_speech import FAIL, LEXICON, STOP, Listener, Tone

SETTLED_SECONDS = 0.5  # after which no full stop follows

SPEECH = SpeechInfo(languages=("en", "de"), hints=("language", "prompt"))


class ScriptedSpeech(Provider):
    """Adds `transcribe` and `translate` to a provider whose config has `delay`, the pause before each word."""

    def transcribe(
        self, blocks: Iterator[np.ndarray[Any, Any]], options: TranscribeOptions
    ) -> Iterator[Segment | Heard]:
        listener = Listener()
        writer = Writer(options)
        for block in blocks:
            written = writer.take(listener.push(block), listener.seconds)
            yield from self._paced(written)
            yield Heard(listener.seconds)
        yield from self._paced(writer.take(listener.end(), float("inf")))

    def _paced(self, written: list[Segment]) -> Iterator[Segment]:
        for segment in written:
            time.sleep(self.config.delay * len(segment.words))
            yield segment


class Writer:
    """Tones as text. A word is held back while a full stop may still follow it."""

    def __init__(self, options: TranscribeOptions) -> None:
        self._options = options
        self._fresh = options.prompt is None or options.prompt.rstrip().endswith(STOP)
        self._held: list[Tone] = []

    def take(self, tones: list[Tone], until: float) -> list[Segment]:
        """The words that cannot change any more, as one segment; `until` is how much was listened to."""
        self._held += tones
        if any(tone.word == FAIL for tone in self._held):
            raise RuntimeError("told to fail")
        words = 0
        for at, tone in enumerate(self._held):
            last = at + 1 == len(self._held)
            if tone.word == STOP or not last or until - tone.end > SETTLED_SECONDS:
                words = at + 1
        if words and words < len(self._held) and self._held[words].word == STOP:
            words += 1
        said, self._held = self._held[:words], self._held[words:]
        return [self._segment(said)] if said else []

    def _segment(self, tones: list[Tone]) -> Segment:
        tokens = [self._token(tone) for tone in tones]
        words: list[Word] = []
        for token in tokens:
            if token.text == STOP and words:
                last = words[-1]
                words[-1] = Word(last.text + STOP, last.start, token.end, min(last.confidence, token.probability))
            else:
                words.append(Word(token.text.strip(), token.start, token.end, token.probability))
        return Segment(
            "".join(token.text for token in tokens),
            tokens[0].start,
            tokens[-1].end,
            tuple(words),
            tuple(tokens),
            sum(token.probability for token in tokens) / len(tokens),
            "en" if self._options.task == "translate" else self._options.language or "en",
        )

    def _token(self, tone: Tone) -> SpokenToken:
        text = tone.word
        if text != STOP:
            text = " " + (text.capitalize() if self._fresh else text)
        self._fresh = tone.word == STOP
        if self._options.task == "translate":
            text = text.upper()
        return SpokenToken(LEXICON.index(tone.word), text, tone.start, tone.end, tone.share)
