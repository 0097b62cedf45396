"""Long audio as windows that overlap, cut as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from heylook_core.speech.tdt.network import FRAME
from heylook_core.spoken import SAMPLE_RATE

HOP = 160  # samples of a frame of the spectrogram, of which one more is made than fits
OVERLAP_SECONDS = 2.0
OVERLAP = round(OVERLAP_SECONDS * SAMPLE_RATE / FRAME)  # frames


class Window(NamedTuple):
    """Samples from frame number `start` on. No later window has anything from before frame `settled`."""

    samples: np.ndarray[Any, Any]
    start: int
    settled: int
    last: bool

    @property
    def end(self) -> int:
        return self.start - (-len(self.samples) // FRAME)


def windows(blocks: Iterable[np.ndarray[Any, Any]], largest: int) -> Iterator[Window]:
    """Windows of at most `largest` samples.

    The last one reaches back into audio that is known already, rather than being short: a network that sees a word or
    two in much silence hears nothing.
    """
    size = (largest - HOP) // FRAME
    step = size - OVERLAP
    enough = largest + step * FRAME
    start = 0
    for audio in _gathered(blocks, enough, step * FRAME):
        if len(audio) <= enough:
            break
        yield Window(audio[: size * FRAME], start, start + step, False)
        start += step
    if len(audio) > largest:
        skipped = -((size * FRAME - len(audio)) // FRAME)
        yield Window(audio[: size * FRAME], start, start + skipped, False)
        start += skipped
        audio = audio[skipped * FRAME :]
    if len(audio):
        yield Window(audio, start, start - (-len(audio) // FRAME), True)


def _gathered(blocks: Iterable[np.ndarray[Any, Any]], enough: int, step: int) -> Iterator[np.ndarray[Any, Any]]:
    """The audio from sample 0, `step`, 2 * `step` … on, each with more than `enough` samples; then what is left."""
    waiting: list[np.ndarray[Any, Any]] = []
    count = 0
    for block in blocks:
        waiting.append(block.astype(np.float32, copy=False))
        count += len(block)
        while count > enough:
            audio = np.concatenate(waiting)
            yield audio
            waiting = [audio[step:]]
            count -= step
    yield np.concatenate([np.zeros(0, np.float32), *waiting])
