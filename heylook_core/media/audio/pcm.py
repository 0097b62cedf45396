"""Raw 16-bit samples, as they come from a microphone, at the rate that speech models take."""

from __future__ import annotations

from typing import Any

import numpy as np

from heylook_core.errors import Unsupported
from heylook_core.spoken import SAMPLE_RATE

LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000


class PcmReader:
    """16-bit little-endian mono at `rate`, in pieces of any length, as blocks of 16 kHz float32."""

    def __init__(self, rate: int) -> None:
        self._rest = b""
        self._resampler = None if rate == SAMPLE_RATE else Resampler(rate)

    def read(self, data: bytes) -> np.ndarray[Any, Any]:
        """The samples of `data`; half a sample at its end waits for the next call."""
        data = self._rest + data
        whole = len(data) & ~1
        data, self._rest = data[:whole], data[whole:]
        samples = np.frombuffer(data, "<i2")
        if self._resampler is not None:
            return self._resampler.resample(samples)
        return samples.astype(np.float32) / 32768

    def end(self) -> np.ndarray[Any, Any]:
        """What the resampler still has."""
        return self._resampler.end() if self._resampler is not None else np.zeros(0, np.float32)


class Resampler:
    """FFmpeg's, for one stream. Raises Unsupported without the extra `audio`."""

    def __init__(self, rate: int) -> None:
        try:
            import av
        except ImportError as error:
            message = f"Audio of {rate} Hz needs PyAV; install it with: pip install 'heylook[audio]', or send 16000 Hz."
            raise Unsupported(message, param="sample_rate") from error
        self._rate = rate
        self._frame = av.AudioFrame
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def resample(self, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if not len(samples):
            return np.zeros(0, np.float32)
        frame = self._frame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate
        return _joined(self._resampler.resample(frame))

    def end(self) -> np.ndarray[Any, Any]:
        return _joined(self._resampler.resample(None))


def _joined(frames: list[Any]) -> np.ndarray[Any, Any]:
    blocks = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
