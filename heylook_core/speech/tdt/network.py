"""What an engine gives: a transducer in its parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

FRAME = 1280  # samples of a frame of the encoder: 80 ms


class Prediction(NamedTuple):
    """What the prediction network says after a token, and the state it is in then. Both are the engine's own."""

    output: Any
    state: Any


class Step(NamedTuple):
    """What the joint network says of one frame: the likeliest token, and by how many frames to go on.

    `top` are the likeliest tokens with their logits, best first, where the network tells them.
    """

    token: int
    probability: float
    duration: int
    top: tuple[tuple[int, float], ...] = ()


class TdtNetwork(ABC):
    """One loaded transducer; one thread at a time. `blank` is both the blank token and the start of a sequence."""

    blank: int
    window: int
    """Samples that `encode` takes at most."""

    @abstractmethod
    def encode(self, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Frames of `samples` (16 kHz mono float32), as rows: ceil(len / FRAME) of them, or fewer."""

    @abstractmethod
    def predict(self, token: int, state: Any) -> Prediction:
        """Take a token. `state` is None at the start."""

    @abstractmethod
    def join(self, frame: np.ndarray[Any, Any], output: Any) -> Step:
        """What comes at this frame after what was predicted."""
