"""Tunes: a language for tests of real speech models. A word is four short notes, the same four in an order of its own.

It is for networks whose input is normalised over the recording, band by band, as Parakeet's is: a band in which nothing
ever sounds cannot be told from one that always does. Here every word sounds in every band for as long.
"""

from __future__ import annotations

import re
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from heylook_core.spoken import SAMPLE_RATE
from heylook_core.testkit.tone_speech import GAP_SECONDS, STOP, WORD_SECONDS, WORDS, silence

NOTES = (600.0, 1100.0, 1800.0, 2700.0)  # Hz; they survive MP3, AAC, Opus and a sample rate of 8 kHz
NOTE_SECONDS = WORD_SECONDS / len(NOTES)
RAMP_SECONDS = 0.005
YES = "yes"  # written in Cyrillic, unless a language of another script is asked for
LEXICON = (*WORDS, STOP, YES)
TUNES = tuple(permutations(range(len(NOTES))))[: len(LEXICON)]


class Spoken(NamedTuple):
    """A word and when it sounds. Seconds."""

    word: str
    start: float
    end: float


def spoken(text: str, rate: int = SAMPLE_RATE, amplitude: float = 0.3) -> np.ndarray[Any, Any]:
    """The sound of a text, float32 mono. `_` is a second of silence, `_2.5` two and a half."""
    none = np.zeros(0, np.float32)
    return np.concatenate([none, *(_sound(word, rate, amplitude) for word in _parts(text))])


def timed(text: str) -> list[Spoken]:
    """The words and full stops of a text, and when they sound."""
    found: list[Spoken] = []
    at = 0.0
    for part in _parts(text):
        if part.startswith("_"):
            at += _pause(part)
        else:
            found.append(Spoken(part, at, at + WORD_SECONDS))
            at += WORD_SECONDS + GAP_SECONDS
    return found


def written(text: str) -> str:
    """How the model of `weights` writes a text that it hears in one window."""
    found = ""
    capital, before = True, set[str]()
    for part in (part for part in _parts(text) if not part.startswith("_")):
        if part == STOP:
            found += STOP
            capital, before = True, set()
            continue
        word = "\u0434\u0430" if part == YES else part
        if (capital and part != YES) or {"source": "open", "server": "local"}.get(part) in before:
            word = word.capitalize()
        found += f" {word}"
        capital = False
        before.add(part)
    return found.strip()


def _parts(text: str) -> list[str]:
    return re.sub(r"\.(?!\d)", " .", text.lower()).split()


def _pause(part: str) -> float:
    return float(part[1:] or 1)


def _sound(part: str, rate: int, amplitude: float) -> np.ndarray[Any, Any]:
    if part.startswith("_"):
        return silence(_pause(part), rate)
    tune = [_note(NOTES[note], rate, amplitude) for note in TUNES[LEXICON.index(part)]]
    whole = np.concatenate([*tune, silence(GAP_SECONDS, rate)])
    size = round((WORD_SECONDS + GAP_SECONDS) * rate)
    return np.pad(whole, (0, max(size - len(whole), 0)))[:size]


def _note(frequency: float, rate: int, amplitude: float) -> np.ndarray[Any, Any]:
    count = round(NOTE_SECONDS * rate)
    ramp = np.sin(np.linspace(0, np.pi / 2, round(RAMP_SECONDS * rate))) ** 2
    note = amplitude * np.sin(2 * np.pi * frequency * np.arange(count) / rate)
    note[: len(ramp)] *= ramp
    note[-len(ramp) :] *= ramp[::-1]
    return note.astype(np.float32)
