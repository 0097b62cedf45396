"""Tone speech: a language for tests in which every word is a pure tone, so that what was said is known exactly.

A word is a tone of `WORD_SECONDS` and a gap of `GAP_SECONDS`. A full stop is a tone of its own, and so is `fail`.
The tones survive MP3, AAC and Opus.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from heylook_core.spoken import SAMPLE_RATE

WORDS: tuple[str, ...] = ("the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "hello", "world", "open")
WORDS += ("source", "local", "server", "speech", "works")
STOP, FAIL = ".", "fail"
LEXICON = (*WORDS, STOP, FAIL)
FREQUENCIES = tuple(400.0 + 200.0 * index for index in range(len(LEXICON)))
WORD_SECONDS = 0.24
GAP_SECONDS = 0.08

STEP = SAMPLE_RATE // 50
WINDOW = 2 * STEP
SHARE = 0.5  # of a window's power that a tone has to have
FAINTEST = 1e-5


class Tone(NamedTuple):
    """A tone that was heard; `share` is how much of the power it had. Seconds."""

    word: str
    start: float
    end: float
    share: float


def spoken(text: str, rate: int = SAMPLE_RATE, amplitude: float = 0.3) -> np.ndarray[Any, Any]:
    """The sound of a text, float32 mono. `_` is a second of silence, `_2.5` two and a half."""
    return np.concatenate([_sound(word, rate, amplitude) for word in re.sub(r"\.(?!\d)", " .", text.lower()).split()])


def _sound(word: str, rate: int, amplitude: float) -> np.ndarray[Any, Any]:
    if word.startswith("_"):
        return silence(float(word[1:] or 1), rate)
    frequency = FREQUENCIES[LEXICON.index(word)]
    count = round(WORD_SECONDS * rate)
    tone = amplitude * np.sin(2 * np.pi * frequency * np.arange(count) / rate)
    edge = round(0.005 * rate)
    tone[:edge] *= np.linspace(0, 1, edge)
    tone[-edge:] *= np.linspace(1, 0, edge)
    return np.concatenate([tone.astype(np.float32), silence(GAP_SECONDS, rate)])


def silence(seconds: float, rate: int = SAMPLE_RATE) -> np.ndarray[Any, Any]:
    return np.zeros(round(seconds * rate), np.float32)


class Listener:
    """Hears tones in 16 kHz audio that comes in pieces."""

    def __init__(self) -> None:
        phase = 2 * np.pi * np.outer(np.arange(WINDOW) / SAMPLE_RATE, FREQUENCIES)
        self._base = np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)
        self._rest = np.zeros(0, np.float32)
        self._steps = 0
        self._tone = -1
        self._since = 0
        self._shares: list[float] = []

    @property
    def seconds(self) -> float:
        """How much has been listened to."""
        return self._steps * STEP / SAMPLE_RATE

    def push(self, block: np.ndarray[Any, Any]) -> list[Tone]:
        """The tones that end in this piece."""
        audio = np.concatenate([self._rest, block])
        count = max((len(audio) - WINDOW) // STEP + 1, 0)
        self._rest = audio[count * STEP :]
        if not count:
            return []
        windows = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[: count * STEP : STEP]
        found: list[Tone] = []
        for tone, share in zip(*self._recognised(windows), strict=True):
            found += self._step(int(tone), float(share))
        return found

    def end(self) -> list[Tone]:
        """The tone that was still sounding."""
        return self._step(-1, 0.0)

    def _recognised(self, windows: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The strongest tone of each window, -1 where there is none, and its share of the power."""
        power = np.mean(np.square(windows), axis=1)
        parts = windows @ self._base
        size = len(FREQUENCIES)
        tones = 2 * (np.square(parts[:, :size]) + np.square(parts[:, size:])) / WINDOW**2
        best = np.argmax(tones, axis=1)
        share = np.take_along_axis(tones, best[:, None], axis=1)[:, 0] / np.maximum(power, 1e-12)
        return np.where((power > FAINTEST) & (share > SHARE), best, -1), np.clip(share, 0.0, 1.0)

    def _step(self, tone: int, share: float) -> list[Tone]:
        ended: list[Tone] = []
        if tone != self._tone:
            if self._tone >= 0 and len(self._shares) >= 3:
                # A window is counted at its middle, where a tone that it half covers begins or ends.
                start, end = (at * STEP / SAMPLE_RATE + 0.01 for at in (self._since, self._steps))
                ended = [Tone(LEXICON[self._tone], start, end, sum(self._shares) / len(self._shares))]
            self._tone, self._since, self._shares = tone, self._steps, []
        self._shares.append(share)
        self._steps += 1
        return ended
