"""A transducer that understands tone speech, its weights written by hand: for the decoder that real engines share.

What it writes depends on the state of its prediction network: a capital after the start and after a full stop, the `s`
of `works` after `work`. A blank that is fed to it spoils that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from heylook_core.speech.tdt.network import FRAME, Prediction, Step, TdtNetwork
from heylook_core.speech.tdt.pieces import SPACE
from heylook_core.spoken import SAMPLE_RATE
from heylook_core.testkit.tone_speech import FREQUENCIES, LEXICON, STOP, WORDS

PLAIN = [SPACE + word.removesuffix("s") if word == "works" else SPACE + word for word in WORDS]
CAPITALS = [SPACE + piece[1:].capitalize() for piece in PLAIN]
PIECES = [*PLAIN, *CAPITALS, STOP, "s", SPACE]
S = PIECES.index("s")
DURATION = 3
PARTS = 4  # of a frame, in each of which a tone sounds or not
THERE = 0.6


class ToneNetwork(TdtNetwork):
    blank = len(PIECES)
    window = 15 * SAMPLE_RATE

    def __init__(self) -> None:
        count = FRAME // PARTS
        phase = 2 * np.pi * np.outer(np.arange(count) / SAMPLE_RATE, FREQUENCIES)
        self._base = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
        self.lengths: list[int] = []

    def encode(self, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """How much of each frame a tone fills, and of the frame before."""
        assert len(samples) <= self.window
        self.lengths.append(len(samples))
        frames = -(-len(samples) // FRAME)
        parts = np.pad(samples, (0, frames * FRAME - len(samples))).reshape(-1, FRAME // PARTS)
        found = parts @ self._base
        size = len(FREQUENCIES)
        power = 2 * (found[:, :size] ** 2 + found[:, size:] ** 2) / (FRAME // PARTS) ** 2
        total = np.mean(parts**2, axis=1, keepdims=True)
        there = (power > 0.5 * total) & (total > 1e-3)
        level = there.reshape(frames, PARTS, size).mean(axis=1)
        before = np.concatenate([np.zeros((1, size)), level[:-1]])
        return np.concatenate([level, before], axis=1)

    def predict(self, token: int, state: Any) -> Prediction:
        if token == self.blank and state is not None:
            return Prediction((True, False), state)
        capital = token == self.blank or PIECES[token] == STOP
        pending = token < self.blank and PIECES[token].casefold() == SPACE + "work"
        return Prediction((capital, pending), token)

    def join(self, frame: np.ndarray[Any, Any], output: tuple[bool, bool]) -> Step:
        capital, pending = output
        if pending:
            return Step(S, 0.9, DURATION)
        size = len(FREQUENCIES)
        starts = np.flatnonzero((frame[:size] >= THERE) & (frame[size:] < THERE))
        if not len(starts):
            return Step(self.blank, 0.99, 1)
        word = LEXICON[int(starts[0])]
        if word == STOP:
            return Step(PIECES.index(STOP), 0.8, DURATION)
        token = WORDS.index(word) + (len(PLAIN) if capital else 0)
        return Step(token, 0.9, 0 if word == "works" else DURATION)
