"""Sound files, decoded piece by piece by FFmpeg (PyAV, extra `audio`), within limits that hold for hostile ones too.

Only a list of demuxers and decoders is used: without it an uploaded playlist opens files of this machine, and a session
description opens network sockets and waits on them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.media.audio.containers import DECODERS, DEMUXERS, HEAD_BYTES, NAMES, container
from heylook_core.spoken import SAMPLE_RATE

if TYPE_CHECKING:
    import av
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

log = logging.getLogger(__name__)

PARAM = "file"
BLOCK = 4 * SAMPLE_RATE
LOWEST_RATE, HIGHEST_RATE = 2_000, 768_000
MOST_CHANNELS = 64
DECODE_SECONDS = 120.0  # that the decoder may work on one file
SLACK_SECONDS = 1.0  # of padding that encoders add, over the longest


class AudioFile:
    """An opened sound file. Everything blocks: for a thread beside the event loop, one at a time. Close it in the end.

    `seconds` is its length as it says itself, None where it does not.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Raises InvalidRequest for what is no sound file, Unsupported where PyAV is missing."""
        self._container = _opened(file)
        try:
            self._stream = _sound_in(self._container)
            self.seconds = _length(self._container, self._stream)
            self.rate = self._stream.rate
        except BaseException:
            self._container.close()
            raise
        self.longest = float("inf")
        self._lock = threading.Lock()
        self._busy = 0.0
        self._blocks = self._decoded()

    def read(self) -> np.ndarray[Any, Any] | None:
        """The next seconds as 16 kHz mono float32; None at the end. Raises InvalidRequest beyond `longest` seconds."""
        with self._lock:
            started = time.monotonic()
            try:
                return next(self._blocks, None)
            finally:
                self._busy += time.monotonic() - started

    def check(self, longest: float) -> None:
        """Refuse audio of more than `longest` seconds, now if the file says so, else as soon as there is more."""
        self.longest = longest
        if self.seconds is not None and self.seconds > longest + SLACK_SECONDS:
            raise _too_long(longest)

    def close(self) -> None:
        """May be called while `read` runs in another thread, and waits for it then."""
        with self._lock:
            self._blocks.close()
            self._container.close()

    def _decoded(self) -> Generator[np.ndarray[Any, Any]]:
        pending: list[np.ndarray[Any, Any]] = []
        waiting = total = 0
        for samples in self._samples():
            total += len(samples)
            if total > (self.longest + SLACK_SECONDS) * SAMPLE_RATE:
                raise _too_long(self.longest)
            pending.append(samples)
            waiting += len(samples)
            if waiting >= BLOCK:
                yield _clean(pending)
                pending, waiting = [], 0
            if self._busy > DECODE_SECONDS:
                raise InvalidRequest(f"Decoding the audio took more than {DECODE_SECONDS:.0f} s.", param=PARAM)
        if waiting:
            yield _clean(pending)
        if not total:
            raise InvalidRequest("The file holds no audio that can be decoded; it may be damaged.", param=PARAM)

    def _samples(self) -> Iterator[np.ndarray[Any, Any]]:
        """16 kHz mono, in the pieces that the codec makes. A form that changes in the middle is followed."""
        import av

        resampler: av.AudioResampler | None = None
        form: tuple[Any, ...] = ()
        for frame in _frames(self._container, self._stream):
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if resampler is None or found != form:
                _check_rate(frame.sample_rate)
                if resampler is not None:
                    yield from _arrays(resampler, None)
                resampler, form = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE), found
            yield from _arrays(resampler, frame)
        if resampler is not None:
            yield from _arrays(resampler, None)


def _opened(file: IO[bytes]) -> av.container.InputContainer:
    try:
        import av
    except ImportError as error:
        message = "Sound files need PyAV; install it with: pip install 'heylook[audio]'."
        raise Unsupported(message, param=PARAM) from error
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise InvalidRequest("The file is empty.", param=PARAM)
    options = {
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(DECODERS),
        "protocol_whitelist": "none",
    }
    try:
        return av.open(file, mode="r", format=container(head), options=options, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise InvalidRequest(
            f"The file is not audio that can be read ({_reason(error)}); expected {NAMES}.", param=PARAM
        ) from error


def _sound_in(opened: av.container.InputContainer) -> AudioStream:
    if not opened.streams.audio:
        raise InvalidRequest("The file has no sound in it.", param=PARAM)
    stream = opened.streams.audio[0]
    context: av.AudioCodecContext | None = stream.codec_context  # PyAV's types leave out that it may not be there
    if context is None:
        raise InvalidRequest("The file's sound is in a coding that cannot be read.", param=PARAM)
    context.thread_type = "NONE"
    if context.rate:
        _check_rate(context.rate)
    if context.layout.nb_channels > MOST_CHANNELS:
        raise InvalidRequest(f"The audio has {context.layout.nb_channels} channels.", param=PARAM)
    return stream


def _check_rate(rate: int) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InvalidRequest(f"The audio has a sample rate of {rate} Hz.", param=PARAM)


def _length(opened: av.container.InputContainer, stream: AudioStream) -> float | None:
    """Not that of a WAV file: one that was written to a pipe says anything, and its size bounds it well enough."""
    if opened.format.name in ("wav", "w64", "au", "aac", "mp3"):
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return opened.duration / 1_000_000 if opened.duration is not None else None


def _frames(opened: av.container.InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """What can be decoded: damaged packets are left out, and a file that breaks off ends there."""
    import av

    try:
        for packet in opened.demux(stream):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                log.debug("a damaged packet is left out")
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        log.debug("the audio breaks off: %s", error)


def _arrays(resampler: av.AudioResampler, frame: AudioFrame | None) -> list[np.ndarray[Any, Any]]:
    import av

    try:
        return [part.to_ndarray()[0] for part in resampler.resample(frame)]
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise InvalidRequest(f"The audio cannot be converted ({_reason(error)}).", param=PARAM) from error


def _clean(parts: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Samples between -1 and 1, and no others: float files may hold anything."""
    samples = np.concatenate(parts)
    np.nan_to_num(samples, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(samples, -1.0, 1.0, out=samples)


def _too_long(longest: float) -> InvalidRequest:
    return InvalidRequest(f"The audio is longer than the {longest:g} s that this model takes.", param=PARAM)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
