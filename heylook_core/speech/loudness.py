"""Where utterances begin and end, by loudness: a noise floor that follows the room, and two thresholds above it."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal, TypeAlias

import numpy as np

from heylook_core.spoken import SAMPLE_RATE, Endpointing

FRAME = SAMPLE_RATE // 50  # 20 ms
FRAME_SECONDS = FRAME / SAMPLE_RATE

SILENCE = -90.0
NOISE = -50.0  # dB of full scale that a session begins with
QUIETEST, LOUDEST = -70.0, -25.0  # between which the noise floor stays
FALL = 0.3  # of the way down, per frame
RISE, RISE_IN_SPEECH = 0.06, 0.012  # dB per frame
OFF = 0.6  # of the margin at which speech begins is where it ends
ONSET, ONSET_OF = 3, 4  # so many loud frames of the last few begin an utterance

Edge: TypeAlias = Literal["start", "end"]


def levels(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Loudness of each whole frame in dB of full scale."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    found: np.ndarray[Any, Any] = 10 * np.log10(np.maximum(power, 10 ** (SILENCE / 10)))
    return found


class EdgeFinder:
    """Takes the level of one frame after the other and tells where an utterance starts or ends."""

    def __init__(self, options: Endpointing) -> None:
        self._margin = 24.0 * options.threshold
        self._silence = max(round(options.silence / FRAME_SECONDS), 1)
        self._noise = NOISE
        self._loud: deque[bool] = deque(maxlen=ONSET_OF)
        self._quiet = 0
        self.speaking = False

    def push(self, level: float) -> Edge | None:
        self._follow(level)
        if self.speaking:
            self._quiet = self._quiet + 1 if level < self._noise + OFF * self._margin else 0
            if self._quiet >= self._silence:
                self.reset()
                return "end"
            return None
        self._loud.append(level >= self._noise + self._margin)
        if sum(self._loud) >= ONSET:
            self.speaking, self._quiet = True, 0
            return "start"
        return None

    def reset(self) -> None:
        """No utterance is being spoken; what is known of the noise stays."""
        self.speaking, self._quiet = False, 0
        self._loud.clear()

    def _follow(self, level: float) -> None:
        if level < self._noise:
            noise = self._noise + FALL * (level - self._noise)
        else:
            noise = min(level, self._noise + (RISE_IN_SPEECH if self.speaking else RISE))
        self._noise = min(max(noise, QUIETEST), LOUDEST)
