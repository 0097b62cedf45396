"""The log-mel spectrogram of NeMo's speech models (`AudioToMelSpectrogramPreprocessor` with its usual settings).

16 kHz, pre-emphasis, frames of 25 ms every 10 ms, triangular filters on Slaney's scale, the logarithm, and each filter
normalised over the recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from heylook_core.spoken import SAMPLE_RATE

PREEMPHASIS = 0.97
FFT = 512
WINDOW = 400
HOP = 160
GUARD = 2.0**-24  # added before the logarithm
EPSILON = 1e-5  # added to the deviation

Array = np.ndarray[Any, Any]


def window() -> Array:
    """What a frame is multiplied by: a symmetric Hann window in the middle of `FFT` samples."""
    side = (FFT - WINDOW) // 2
    return np.pad(np.hanning(WINDOW), (side, side))


def filters(count: int) -> Array:
    """Rows of weights over the `FFT // 2 + 1` bins of the spectrum, each of them with an area of one."""
    edges = _hertz(np.linspace(_mel(0.0), _mel(SAMPLE_RATE / 2), count + 2))
    bins = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    widths = np.diff(edges)
    slopes = edges[:, None] - bins[None, :]
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (edges[2:] - edges[:-2]))[:, None]


class LogMel:
    """Spectrograms with `count` filters. Keeps nothing of what it is given."""

    def __init__(self, count: int) -> None:
        self._window = window().astype(np.float32)
        self._filters = filters(count).astype(np.float32).T

    def __call__(self, samples: Array) -> tuple[Array, int]:
        """float32 (count, len // HOP + 1), and how many of its frames count; the rest are zero."""
        emphasised = np.concatenate([samples[:1], samples[1:] - np.float32(PREEMPHASIS) * samples[:-1]])
        padded = np.pad(emphasised, FFT // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP] * self._window
        power = np.square(np.abs(np.fft.rfft(frames, axis=1))).astype(np.float32)
        found = np.log(power @ self._filters + np.float32(GUARD))
        length = len(samples) // HOP
        return np.ascontiguousarray(_normalised(found, length).T), length


def _normalised(found: Array, length: int) -> Array:
    """Each column with mean 0 and deviation 1 over the first `length` rows."""
    known = found[:length]
    mean = known.sum(axis=0, keepdims=True) / max(length, 1)
    deviation = np.sqrt(np.square(known - mean).sum(axis=0, keepdims=True) / max(length - 1, 1))
    result = np.zeros_like(found, np.float32)
    result[:length] = (known - mean) / (deviation + EPSILON)
    return result


# Slaney's scale: linear up to 1000 Hz, then logarithmic.
LINEAR = 200 / 3
CORNER = 1000.0
STEP = np.log(6.4) / 27


def _mel(hertz: float) -> float:
    return float(hertz / LINEAR if hertz < CORNER else CORNER / LINEAR + np.log(hertz / CORNER) / STEP)


def _hertz(mels: Array) -> Array:
    corner = CORNER / LINEAR
    found: Array = np.where(mels < corner, mels * LINEAR, CORNER * np.exp(STEP * (mels - corner)))
    return found
