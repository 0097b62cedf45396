"""Files that are not what they seem: refused with a reason, or bounded; nothing is opened, nothing grows."""

from __future__ import annotations

import io
import random
import socket
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.media.audio.files import AudioFile
from heylook_core.spoken import SAMPLE_RATE, TranscribeOptions
from heylook_core.testkit.scripted_speech import Writer
from heylook_core.testkit.sound_files import KINDS, Kind, sound_file
from heylook_core.testkit.tone_speech import Listener, silence, spoken

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]

TEXT = "The quick brown fox. Hello world works."


def decoded(data: bytes, longest: float = 600.0) -> np.ndarray[Any, Any]:
    file = AudioFile(io.BytesIO(data))
    try:
        file.check(longest)
        blocks = []
        while (block := file.read()) is not None:
            blocks.append(block)
        return np.concatenate(blocks)
    finally:
        file.close()


def lengths(file: AudioFile) -> Iterator[int]:
    while (block := file.read()) is not None:
        yield len(block)


def text_of(samples: np.ndarray[Any, Any]) -> str:
    listener, writer = Listener(), Writer(TranscribeOptions())
    segments = writer.take([*listener.push(samples), *listener.end()], float("inf"))
    return "".join(segment.text for segment in segments).strip()


def refusal(data: bytes, longest: float = 600.0) -> str:
    with pytest.raises(InvalidRequest) as refused:
        decoded(data, longest)
    assert refused.value.param == "file"
    return refused.value.message


def wav(
    data: bytes, *, rate: int = 16_000, channels: int = 1, bits: int = 16, tag: int = 1, size: int | None = None
) -> bytes:
    align = max(channels * bits // 8, 1) & 0xFFFF
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, (rate * align) & 0xFFFFFFFF, align, bits)
    body = head + b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(body) if size is None else size) + b"WAVE" + body


def pcm(samples: np.ndarray[Any, Any]) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


# ---------------------------------------------------------------------- what is no sound file


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.wav\n",
        "ffconcat version 1.0\nfile ./secret.wav\nduration 3\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.wav\n#EXT-X-ENDLIST\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>',
        "[playlist]\nFile1=secret.wav\nNumberOfEntries=1\n",
        "secret.wav\n",
    ],
)
def test_a_playlist_opens_no_file(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "secret.wav").write_bytes(sound_file(spoken(f"{TEXT} _1"), SAMPLE_RATE))
    monkeypatch.chdir(tmp_path)
    assert "not audio that can be read" in refusal(text.encode())


@pytest.mark.timeout(10)
def test_a_session_description_opens_no_socket():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    described = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    assert "not audio that can be read" in refusal(described.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\0" * 100_000,
        b"hello world, this is no sound at all",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 1000,
        b"GIF89a" + b"\0" * 1000,
        b"PK\x03\x04" + b"\0" * 1000,
        b"%PDF-1.7\n" + b"\0" * 1000,
        b"RIFF\xff\xff\xff\xffWAVE",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"fLaC",
        b"OggS" + b"\0" * 60,
        b"ID3\x04\0\0\0\0\0\0",
        b"\xff\xfb" * 10,
        b"\0\0\0\x18ftypM4A " + b"\0" * 100,
        b"\x1a\x45\xdf\xa3" + b"\xff" * 1000,
        b"FORM\0\0\0\0AIFF",
        b"caff\0\1\0\0",
        b".snd" + b"\0" * 20,
        b"#!AMR\n",
        random.Random(0).randbytes(100_000),
    ],
)
def test_what_is_no_sound_is_refused(data: bytes):
    assert refusal(data)


def test_an_empty_file_is_refused():
    assert refusal(b"") == "The file is empty."


def test_a_film_without_sound_is_refused():
    import av

    file = io.BytesIO()
    with av.open(file, mode="w", format="mp4") as film:
        stream: Any = film.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for frame in (av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"), None):
            for packet in stream.encode(frame):
                film.mux(packet)
    assert refusal(file.getvalue()) == "The file has no sound in it."


# ---------------------------------------------------------------------- headers that lie


@pytest.mark.parametrize("rate", [0, 1, 1999, 768_001, 2**31 - 1, 2**32 - 1])
def test_sample_rates_that_nobody_has_are_refused(rate: int):
    assert refusal(wav(pcm(silence(1.0)), rate=rate))


@pytest.mark.parametrize("channels", [0, 65, 255, 65_535])
def test_more_channels_than_anybody_has_are_refused(channels: int):
    assert refusal(wav(bytes(200_000), channels=channels))


@pytest.mark.parametrize("bits", [0, 100, 255])
def test_sample_sizes_that_do_not_exist_are_refused(bits: int):
    assert refusal(wav(bytes(20_000), bits=bits))


def test_a_wav_file_that_was_written_to_a_pipe_is_read_to_its_end():
    assert text_of(decoded(wav(pcm(spoken(f"{TEXT} _1")), size=0xFFFFFFFF))) == TEXT


def test_samples_that_are_no_numbers_become_silence():
    samples = spoken(f"{TEXT} _1")
    samples[7::1000] = np.nan
    samples[9::1000] = np.inf
    samples[11::1000] = -np.inf
    samples[13::1000] = 1e30
    heard = decoded(wav(samples.astype("<f4").tobytes(), bits=32, tag=3))
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1.0
    assert text_of(decoded(wav(np.full(48_000, np.nan, "<f4").tobytes(), bits=32, tag=3))) == ""


# ---------------------------------------------------------------------- a little that becomes a lot


def flac(seconds: float, told: float | None) -> bytes:
    """Silence; the header says `told` seconds, or that it does not know."""
    data = bytearray(sound_file(silence(seconds, 8_000), 8_000, "flac"))
    at = 4 + 4 + 10  # of the 64 bits of STREAMINFO that end with 36 of the number of samples
    (bits,) = struct.unpack_from(">Q", data, at)
    count = 0 if told is None else round(told * 8_000)
    struct.pack_into(">Q", data, at, bits >> 36 << 36 | count)
    return bytes(data)


def test_hours_in_a_small_file_are_refused_by_the_header():
    assert "longer than the 600 s" in refusal(flac(1.0, told=4 * 3600.0))


def test_hours_that_the_header_conceals_are_refused_when_they_come():
    data = flac(700.0, told=None)
    assert len(data) < 150_000
    file = AudioFile(io.BytesIO(data))
    file.check(60.0)
    heard: list[int] = []
    with pytest.raises(InvalidRequest, match="longer than the 60 s"):
        heard.extend(lengths(file))
    file.close()
    assert sum(heard) <= 61 * SAMPLE_RATE


def test_memory_does_not_grow_with_the_length():
    data = flac(600.0, told=600.0)
    tracemalloc.start()
    try:
        file = AudioFile(io.BytesIO(data))
        file.check(3600.0)
        total = 0
        while (block := file.read()) is not None:
            total += len(block)
        file.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == pytest.approx(600 * SAMPLE_RATE, rel=0.001)
    assert peak < 8 << 20


# ---------------------------------------------------------------------- damage


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_breaks_off_gives_its_beginning_or_is_refused(kind: Kind):
    data = sound_file(spoken(f"{TEXT} " * 3, 48_000), 48_000, kind)
    try:
        said = text_of(decoded(data[: len(data) * 2 // 3])).split()
    except InvalidRequest:
        assert kind in ("m4a", "mp4", "alac")  # whose index is at the end
    else:
        whole = f"{TEXT} {TEXT} {TEXT}".split()
        assert len(said) > 8
        assert said[:-1] == whole[: len(said) - 1]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_decoded_as_far_as_possible_or_refused(kind: Kind):
    """Never anything else; a decoder that crashes would take the test along."""
    chance = random.Random(kind)
    whole = sound_file(spoken("hello world", 48_000), 48_000, kind)
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 10, 100))):
            data[chance.randrange(min(len(data), chance.choice((64, len(data)))))] = chance.randrange(256)
        try:
            samples = decoded(bytes(data), 30.0)
        except InvalidRequest:
            continue
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() <= 1.0


def test_closing_while_another_thread_reads_waits_for_it():
    import threading

    file = AudioFile(io.BytesIO(flac(300.0, told=300.0)))
    file.check(3600.0)
    reader = threading.Thread(target=lambda: [file.read() for _ in range(20)])
    reader.start()
    file.close()
    reader.join(30)
    assert file.read() is None


def test_without_pyav_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(Unsupported, match=r"pip install 'heylook\[audio\]'"):
        AudioFile(io.BytesIO(b"RIFF"))
