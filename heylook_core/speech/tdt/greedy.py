"""Greedy decoding of one window, as NeMo does it: a token and a blank both advance by the predicted duration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from heylook_core.speech.tdt.network import Step, TdtNetwork

MOST_SYMBOLS = 10  # at one frame

Choose = Callable[[Step], int]


class Emission(NamedTuple):
    """A token at a frame (counted from the start of the audio), and how many frames it advanced by."""

    token: int
    frame: int
    duration: int
    probability: float


def likeliest(step: Step) -> int:
    return step.token


def greedy(
    network: TdtNetwork, frames: np.ndarray[Any, Any], first: int = 0, choose: Choose = likeliest
) -> list[Emission]:
    """The tokens of a window whose first frame is number `first`. A window begins with a fresh state.

    The prediction network takes tokens only, never a blank.
    """
    found: list[Emission] = []
    predicted = network.predict(network.blank, None)
    at = here = 0
    while at < len(frames):
        step = network.join(frames[at], predicted.output)
        token = choose(step)
        if token == network.blank:
            at += max(step.duration, 1)
            here = 0
            continue
        found.append(Emission(token, first + at, step.duration, min(max(step.probability, 0.0), 1.0)))
        predicted = network.predict(token, predicted.state)
        here = here + 1 if step.duration == 0 else 0
        at += step.duration
        if here >= MOST_SYMBOLS:
            at, here = at + 1, 0
    return found
