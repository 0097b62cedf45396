"""Sound files for tests, in the formats that people send. Needs PyAV (extra `audio`)."""

from __future__ import annotations

import io
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

Kind: TypeAlias = Literal[
    "wav", "wav24", "wavfloat", "mp3", "m4a", "alac", "mp4", "flac", "ogg", "opus", "webm", "aac", "aiff", "caf", "au"
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class _Way(NamedTuple):
    container: str
    codec: str
    bit_rate: int | None = None


WAYS: dict[Kind, _Way] = {
    "wav": _Way("wav", "pcm_s16le"),
    "wav24": _Way("wav", "pcm_s24le"),
    "wavfloat": _Way("wav", "pcm_f32le"),
    "mp3": _Way("mp3", "libmp3lame", 128_000),
    "m4a": _Way("ipod", "aac", 128_000),
    "alac": _Way("ipod", "alac"),
    "mp4": _Way("mp4", "aac", 128_000),
    "flac": _Way("flac", "flac"),
    "ogg": _Way("ogg", "vorbis", 128_000),
    "opus": _Way("ogg", "libopus", 96_000),
    "webm": _Way("webm", "libopus", 96_000),
    "aac": _Way("adts", "aac", 128_000),
    "aiff": _Way("aiff", "pcm_s16be"),
    "caf": _Way("caf", "pcm_s16le"),
    "au": _Way("au", "pcm_s16be"),
}


def sound_file(samples: np.ndarray[Any, Any], rate: int, kind: Kind = "wav", channels: int = 1) -> bytes:
    """A file with these float32 samples, the same on every channel. Lossy kinds want 48 kHz to keep pure tones."""
    import av

    way = WAYS[kind]
    file = io.BytesIO()
    with av.open(file, mode="w", format=way.container) as opened:
        if kind == "ogg":
            channels = 2  # FFmpeg's own Vorbis encoder knows no other
        layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
        stream: Any = opened.add_stream(way.codec, rate=rate, options={"strict": "experimental"})
        stream.layout = layout
        if way.bit_rate is not None:
            stream.bit_rate = way.bit_rate
        data = np.repeat(samples.astype(np.float32), channels).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, format="flt", layout=layout)
        frame.sample_rate = rate
        for made in (frame, None):
            for packet in stream.encode(made):
                opened.mux(packet)
    return file.getvalue()
