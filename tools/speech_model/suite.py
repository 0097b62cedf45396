"""What an engine with the model of `weights` does behind the real server, tested with real clients.

class TestMyEngine(TuneServer):
    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, ...): return ModelEntry(id="tunes", provider=..., config=...)
"""

from __future__ import annotations

import os
import re
import signal
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import numpy as np
import openai
import pytest

from heylook_core.settings import ModelEntry
from heylook_core.testkit.live_client import live_session
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.testkit.sound_files import KINDS, Kind, sound_file
from tools.speech_model.tunes import spoken, timed, written

TEXT = "The quick brown fox. Hello world works."
URL = "/v1/audio/transcriptions"
FRAME_SECONDS = 0.08
# Words whose writing depends on nothing that was said long before
FREE = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "hello", "world", "speech", "works"]

Audio = np.ndarray[Any, Any]


def talk(seconds: float, sentence: int = 7) -> str:
    """Words for about so long, a full stop after each few."""
    words = [word + ("." if at % sentence == sentence - 1 else "") for at, word in enumerate(FREE * 400)]
    found: list[str] = []
    length = 0.0
    for word in words:
        length += 0.32 * (1 + word.endswith("."))
        if length > seconds:
            break
        found.append(word)
    return " ".join(found)


def filled(text: str, seconds: float) -> Audio:
    """The sound of a text and silence after it, in all exactly so long."""
    audio = spoken(text)
    size = round(seconds * 16_000)
    return np.pad(audio, (0, max(size - len(audio), 0)))[:size]


def wav(samples: Audio, rate: int = 16_000) -> bytes:
    return sound_file(samples, rate, "wav")


def check_words(told: Sequence[dict[str, Any]], text: str) -> None:
    """Every word at its time, within one frame."""
    groups: list[list[Any]] = []
    for word in timed(text):
        if word.word == ".":
            groups[-1].append(word)
        else:
            groups.append([word])
    assert [one["word"] for one in told] == written(text).split()
    for one, sounds in zip(told, groups, strict=True):
        assert abs(one["start"] - sounds[0].start) <= FRAME_SECONDS + 1e-6
        assert abs(one["end"] - sounds[-1].end) <= FRAME_SECONDS + 1e-6


class TuneServer:
    """Overridable: `entry`."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls) -> ModelEntry:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, entry: ModelEntry) -> Iterator[LiveServer]:
        settings = msgspec.structs.replace(toy_settings(), models=(entry,), default_model=entry.id)
        with live_server(settings) as running:
            yield running

    @pytest.fixture(scope="class")
    @classmethod
    def http(cls, server: LiveServer) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=server.url, timeout=110) as made:
            yield made

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, server: LiveServer) -> Iterator[openai.OpenAI]:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as made:
            yield made

    def heard(self, http: httpx.Client, data: bytes, **fields: Any) -> dict[str, Any]:
        form = {"response_format": "verbose_json", "timestamp_granularities[]": "word", **fields}
        answer = http.post(URL, data=form, files={"file": ("no-suffix", data)})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    # ------------------------------------------------------------------ recordings

    @pytest.mark.parametrize("seconds", [0.3, 14.9, 15.0, 15.1, 75.0])
    def test_recordings_of_every_length_are_exact(self, http: httpx.Client, seconds: float) -> None:
        text = "hello" if seconds < 1 else talk(seconds)
        answer = self.heard(http, wav(filled(text, seconds)))
        assert answer["text"] == written(text)
        assert answer["duration"] == pytest.approx(seconds)
        check_words(answer["words"], text)

    def test_twenty_minutes_are_exact(self, http: httpx.Client) -> None:
        text = talk(1200.0)
        answer = self.heard(http, sound_file(filled(text, 1200.0), 16_000, "flac"))
        assert answer["text"] == written(text)
        check_words(answer["words"], text)

    @pytest.mark.parametrize("offset", [0.0, 0.03, 0.09, 0.13, 0.17, 0.21, 0.26, 0.31])
    def test_a_word_on_a_seam_is_told_once(self, http: httpx.Client, offset: float) -> None:
        """Windows begin at frames; there are three here, and no silence between the words."""
        text = f"_{offset} {talk(38.0)}"
        answer = self.heard(http, wav(spoken(text)))
        assert answer["text"] == written(text)
        check_words(answer["words"], text)

    @pytest.mark.parametrize("text", [f"{TEXT} _5", f"_0.2 {TEXT} _20", f"_16 {TEXT} _0.1", f"{TEXT} _40 {TEXT} _14"])
    def test_silence_before_after_and_between_is_nothing(self, http: httpx.Client, text: str) -> None:
        answer = self.heard(http, wav(spoken(text)))
        assert answer["text"] == written(text)
        check_words(answer["words"], text)

    @pytest.mark.parametrize("text", ["hello " * 60, "works " * 60, f"hello hello. hello _8 {'hello ' * 30}"])
    def test_repeated_words_are_all_told(self, http: httpx.Client, text: str) -> None:
        answer = self.heard(http, wav(spoken(text)))
        assert answer["text"] == written(text)
        check_words(answer["words"], text)

    def test_what_was_said_before_in_a_sentence_matters(self, http: httpx.Client) -> None:
        text = "open source works. source open source hello source. local the server speech works. server"
        assert self.heard(http, wav(spoken(text)))["text"] == written(text)
        assert "Open Source works. Source open Source hello Source. Local the Server" in written(text)

    @pytest.mark.parametrize(("language", "text"), [(None, "\u0434\u0430"), ("en", "yes"), ("ru", "\u0434\u0430")])
    def test_a_language_decides_between_scripts(self, http: httpx.Client, language: str | None, text: str) -> None:
        fields = {} if language is None else {"language": language}
        assert self.heard(http, wav(spoken("_0.1 yes. _0.2")), **fields)["text"] == f"{text}."

    # ------------------------------------------------------------------ sound files

    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_of_file_is_exact(self, http: httpx.Client, kind: Kind, channels: int) -> None:
        text = f"_0.4 {TEXT} _0.5"
        answer = self.heard(http, sound_file(spoken(text, 48_000), 48_000, kind, channels))
        assert answer["text"] == TEXT
        check_words(answer["words"], text)

    @pytest.mark.parametrize("rate", [8_000, 44_100])
    def test_other_sample_rates_are_exact(self, http: httpx.Client, rate: int) -> None:
        answer = self.heard(http, wav(spoken(f"{TEXT} _0.5", rate), rate))
        assert answer["text"] == TEXT
        check_words(answer["words"], TEXT)

    # ------------------------------------------------------------------ the official client

    @pytest.fixture(scope="class")
    @classmethod
    def recording(cls) -> bytes:
        return wav(spoken(f"_0.2 {TEXT} _0.5"))

    def test_json_and_text(self, client: openai.OpenAI, entry: ModelEntry, recording: bytes) -> None:
        create = client.audio.transcriptions.create
        answer = create(model=entry.id, file=("a.wav", recording), include=["logprobs"])
        assert answer.text == TEXT
        assert answer.logprobs is not None
        assert "".join(one.token or "" for one in answer.logprobs).strip() == TEXT
        assert all(one.logprob is not None and -0.7 < one.logprob < 0 for one in answer.logprobs)
        assert create(model=entry.id, file=("a.wav", recording), response_format="text") == f"{TEXT}\n"

    def test_subtitles(self, client: openai.OpenAI, entry: ModelEntry, recording: bytes) -> None:
        create = client.audio.transcriptions.create
        srt = str(create(model=entry.id, file=("a.wav", recording), response_format="srt"))
        vtt = str(create(model=entry.id, file=("a.wav", recording), response_format="vtt"))
        stamps = [round(int(one[:2]) + int(one[3:]) / 1000, 3) for one in re.findall(r"00:00:(\d\d,\d{3})", srt)]
        assert stamps == pytest.approx([0.2, 1.72, 1.8, 3.0], abs=0.081)
        assert [line for line in srt.split("\n") if line[:1].isalpha()] == [
            "The quick brown fox.",
            "Hello world works.",
        ]
        assert vtt.startswith("WEBVTT\n\n00:00:00.")
        assert vtt.count(" --> ") == srt.count(" --> ") == 2

    def test_verbose_json_has_segments_and_words(
        self, client: openai.OpenAI, entry: ModelEntry, recording: bytes
    ) -> None:
        answer = client.audio.transcriptions.create(
            model=entry.id,
            file=("a.wav", recording),
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        assert answer.segments is not None
        assert answer.words is not None
        assert [one.text for one in answer.segments] == ["The quick brown fox.", " Hello world works."]
        assert all(-0.3 < one.avg_logprob < 0 for one in answer.segments)
        check_words([{"word": one.word, "start": one.start, "end": one.end} for one in answer.words], f"_0.2 {TEXT}")

    def test_a_stream_gives_deltas_that_make_the_text(self, client: openai.OpenAI, entry: ModelEntry) -> None:
        text = talk(60.0)
        *deltas, done = client.audio.transcriptions.create(
            model=entry.id, file=("a.wav", wav(spoken(text))), stream=True
        )
        assert len(deltas) >= 4
        assert done.type == "transcript.text.done"
        assert done.text == written(text)
        assert "".join(one.delta for one in deltas if one.type == "transcript.text.delta") == done.text

    def test_translating_is_refused_with_a_reason(self, http: httpx.Client, recording: bytes) -> None:
        answer = http.post("/v1/audio/translations", files={"file": ("a.wav", recording)})
        assert answer.status_code == 400
        assert "does not translate" in answer.json()["error"]["message"]

    # ------------------------------------------------------------------ live

    @pytest.mark.parametrize("speed", [1, 50])
    def test_live_speech_is_told_while_it_is_spoken(self, server: LiveServer, speed: int) -> None:
        times = 1 if speed == 1 else 12
        with live_session(server.url, f"?word_timestamps=true&partials={'true' if speed == 1 else 'false'}") as client:
            client.play(spoken(f"_0.5 {TEXT} _1 " * times), block=1600 * min(speed, 10), speed=speed)
            client.say(type="close")
            assert client.rest() == 1000
        assert [one["text"] for one in client.of("final")] == [TEXT] * times
        words = [word for one in client.of("final") for word in one["words"]]
        check_words(words, f"_0.5 {TEXT} _1 " * times)
        if speed == 1:
            assert len(client.of("partial")) >= 3
            told = [*client.of("partial"), client.of("final")[0]]
            for before, after in pairwise(told):
                assert after["text"].startswith(before["text"][: before["stable_chars"]])

    def test_eight_sessions_at_once_hear_each_their_own(self, server: LiveServer) -> None:
        words = ("quick", "brown", "fox", "jumps", "over", "lazy", "dog", "hello")
        found: dict[str, str] = {}

        def speak(word: str) -> None:
            with live_session(server.url) as client:
                client.play(spoken(f"_0.2 the {word} works. _1"), speed=4)
                found[word] = client.until("final")["text"]

        threads = [threading.Thread(target=speak, args=(word,)) for word in words]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert found == {word: f"The {word} works." for word in words}

    def test_clients_that_vanish_leave_nothing_behind(self, server: LiveServer) -> None:
        for _ in range(8):
            with live_session(server.url) as client:
                client.play(spoken("hello world the quick"))
                client.connection.socket.close()
        deadline = time.monotonic() + 30
        while server.call(lambda: sum(model.in_flight for model in server.server.serving.health().models)):
            assert time.monotonic() < deadline, "a session still runs"
            time.sleep(0.01)
        assert self.said(server) == "Hello"

    def said(self, server: LiveServer) -> str:
        with live_session(server.url) as client:
            client.play(spoken("_0.2 hello _1"))
            return str(client.until("final")["text"])

    def test_garbage_harms_nothing(self, server: LiveServer) -> None:
        with live_session(server.url) as client:
            for data in (b"", b"\x01", os.urandom(100_001), b"\xff\x7f" * 50_000):
                client.connection.send(data)
            client.say(type="what?")
            assert client.until("error")["fatal"] is False
            client.say(type="close")
            assert client.rest() == 1000
        with live_session(server.url) as client:
            client.connection.send("{no json")
            assert client.rest() == 1007
        assert self.said(server) == "Hello"

    def test_a_worker_that_is_killed_ends_its_session_and_the_next_one_works(
        self, server: LiveServer, entry: ModelEntry
    ) -> None:
        with live_session(server.url) as client:
            client.play(spoken("_0.2 hello world the quick brown fox"))
            client.until("partial")
            pid = server.call(lambda: server.server.serving.residency.resident(entry.id).channel.pid)  # type: ignore[union-attr]
            assert pid
            os.kill(pid, signal.SIGKILL)
            assert client.rest() == 1011
            assert "killed by SIGKILL" in client.of("error")[0]["error"]
        assert self.said(server) == "Hello"

    # ------------------------------------------------------------------ hostile files

    @pytest.mark.parametrize("kind", ["playlist", "description", "hours", "slow", "channels", "noise", "page"])
    def test_hostile_files_are_refused(self, http: httpx.Client, kind: str) -> None:
        data = {
            "playlist": b"ffconcat version 1.0\nfile secret.wav\n",
            "description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
            "hours": _flac_of_hours(),
            "slow": _wav_header(rate=1, channels=1) + bytes(100_000),
            "channels": _wav_header(rate=16_000, channels=255) + bytes(255 * 2 * 1000),
            "noise": os.urandom(100_000),
            "page": b"<!doctype html><audio src='a.wav'>",
        }[kind]
        answer = http.post(URL, files={"file": ("a.wav", data)})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["param"] == "file"

    def test_damaged_files_give_what_can_be_heard(self, http: httpx.Client) -> None:
        samples = spoken(f"{TEXT} _1")
        half = wav(samples)
        assert self.heard(http, half[: len(half) // 2])["text"].startswith("The quick brown")
        samples[len(samples) - 8_000 :: 100] = np.nan
        assert self.heard(http, sound_file(samples, 16_000, "wavfloat"))["text"] == TEXT
        nothing = np.full(48_000, np.nan, np.float32)
        assert self.heard(http, sound_file(nothing, 16_000, "wavfloat"))["text"] == ""


def _wav_header(rate: int, channels: int) -> bytes:
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + head + b"data\xff\xff\xff\xff"


def _flac_of_hours() -> bytes:
    """A second of silence whose header says four hours."""
    data = bytearray(sound_file(np.zeros(8_000, np.float32), 8_000, "flac"))
    (bits,) = struct.unpack_from(">Q", data, 18)  # of STREAMINFO; they end with 36 of the number of samples
    struct.pack_into(">Q", data, 18, bits >> 36 << 36 | 4 * 3600 * 8_000)
    return bytes(data)
