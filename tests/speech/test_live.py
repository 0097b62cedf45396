"""/v1/stt/stream through the real server with a real WebSocket client."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from heylook_api_openai import live
from heylook_core.settings import AudioSettings, ModelEntry
from heylook_core.testkit.live_client import LiveClient, live_session
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.testkit.speech_contract import pcm
from heylook_core.testkit.tone_speech import silence, spoken

pytestmark = pytest.mark.integration

TEXT = "The quick brown fox. Hello world works."
LIMITS_IN_TEST = {"BEHIND_SECONDS": 2, "OVERLOADED_SECONDS": 4, "CAUGHT_UP_SECONDS": 1, "REAL_TIME_SLACK": 60}
LIMITS = AudioSettings(max_sessions=9, session_seconds=120, idle_seconds=2)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    models = (
        *toy_settings().models,
        ModelEntry(id="scripted", provider="scripted", placement="thread"),
        ModelEntry(id="apart", provider="scripted", placement="process"),
        ModelEntry(id="slow", provider="scripted", placement="thread", config={"delay": 0.2}),
        ModelEntry(id="broken", provider="scripted", config={"no_such_setting": 1}),
    )
    settings = msgspec.structs.replace(toy_settings(), models=models, audio=LIMITS, max_loaded_models=4)
    with live_server(settings) as running:
        yield running


@contextlib.contextmanager
def session(server: LiveServer, query: str = "?model=scripted", **options: Any) -> Iterator[LiveClient]:
    with live_session(server.url, query, **options) as client:
        yield client


def until_idle(server: LiveServer) -> None:
    """Return once nothing runs any more."""
    deadline = time.monotonic() + 30
    while server.call(lambda: sum(model.in_flight for model in server.server.serving.health().models)):
        assert time.monotonic() < deadline, "a session still runs"
        time.sleep(0.01)


# ---------------------------------------------------------------------- what is said


def test_a_client_that_only_sends_bytes_and_reads_partials_works(server: LiveServer):
    with session(server, "") as client:
        client.play(spoken("the quick brown fox jumps over the lazy dog hello world"))
        partial = client.until("partial")
        assert set(partial) >= {"type", "text", "timestamp"}
        assert partial["text"].startswith("The quick")
        assert partial["timestamp"] == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize("model", ["scripted", "apart"])
def test_utterances_are_told_as_they_are_spoken_and_end_with_one_final(server: LiveServer, model: str):
    with session(server, f"?model={model}&word_timestamps=true") as client:
        created = client.until("session.created")["session"]
        assert (created["model"], created["sample_rate"], created["encoding"]) == (model, 16_000, "pcm_s16le")
        client.play(spoken(f"_1 {TEXT} _1.5 open source speech _1.5"))
        client.say(type="close")
        assert client.rest() == 1000
    assert [(one["utterance"], one["text"]) for one in client.of("final")] == [
        (0, TEXT),
        (1, "Open source speech"),
    ]
    assert [one["utterance"] for one in client.of("speech_started")] == [0, 1]
    first = client.of("final")[0]
    assert first["start"] == pytest.approx(0.7, abs=0.1)
    assert [word["word"] for word in first["words"]] == TEXT.split()
    assert first["words"][0]["start"] == pytest.approx(1.0, abs=0.08)
    assert 0.9 < first["confidence"] <= 1
    assert first["language"] == "en"
    assert client.news[-1] == {"type": "session.closed", "duration": pytest.approx(7.84, abs=0.01)}


def test_what_is_stable_never_changes(server: LiveServer):
    with session(server) as client:
        client.play(spoken("hello world open source local server speech works the quick brown fox jumps _1"), speed=8)
        client.until("final")
    told = [*client.of("partial"), *client.of("final")]
    stable = [one["text"][: one.get("stable_chars")] for one in told]
    assert len(client.of("partial")) >= 3
    assert max(one["stable_chars"] for one in client.of("partial")) > 10
    for before, after in pairwise(stable):
        assert after.startswith(before)


def test_in_real_time_an_utterance_is_told_soon_after_its_end(server: LiveServer):
    with session(server) as client:
        client.play(spoken(f"_0.3 {TEXT} _1"), speed=1)
        assert client.until("final")["text"] == TEXT
        assert len(client.of("partial")) >= 3


def test_fifty_times_as_fast_nothing_is_lost(server: LiveServer):
    words = "the quick brown fox jumps over the lazy dog. _1 "
    with session(server, "?model=scripted&partials=false") as client:
        client.play(spoken(words * 20), block=16_000, speed=50)
        client.say(type="close")
        assert client.rest() == 1000
    assert len(client.of("final")) == 20
    assert {one["text"] for one in client.of("final")} == {"The quick brown fox jumps over the lazy dog."}
    assert not client.of("warning")


def test_an_utterance_longer_than_the_window_is_cut_without_losing_a_word(server: LiveServer):
    words = "the quick brown fox jumps over lazy dog hello world open source local server speech works "
    with session(server, "?model=scripted&partials=false") as client:
        client.play(spoken(words * 8 + "_1"))
        client.say(type="close")
        assert client.rest() == 1000
    assert len(client.of("final")) >= 3
    assert client.text.lower().split() == (words * 8).split()
    times = [(one["start"], one["end"]) for one in client.of("final")]
    assert times == sorted(times)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_other_sample_rates_are_heard(server: LiveServer, rate: int):
    with session(server, f"?model=scripted&sample_rate={rate}") as client:
        client.play(spoken(f"_0.5 {TEXT} _1", rate), block=777)
        assert client.until("final")["text"] == TEXT
        assert client.news[-1]["end"] == pytest.approx(0.5 + 9 * 0.32, abs=0.5)


def test_samples_may_be_cut_anywhere(server: LiveServer):
    data = pcm(spoken(f"{TEXT} _1"))
    with session(server) as client:
        for at in range(0, len(data), 1001):
            client.connection.send(data[at : at + 1001])
        assert client.until("final")["text"] == TEXT


def test_eight_sessions_at_once_hear_each_their_own(server: LiveServer):
    words = ("quick", "brown", "fox", "jumps", "over", "lazy", "dog", "hello")
    found: dict[str, str] = {}

    def talk(word: str, model: str) -> None:
        with session(server, f"?model={model}") as client:
            client.play(spoken(f"_0.2 the {word} works. _1"), speed=4)
            found[word] = client.until("final")["text"]

    threads = [
        threading.Thread(target=talk, args=(word, ("scripted", "apart")[at % 2])) for at, word in enumerate(words)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {word: f"The {word} works." for word in words}


# ---------------------------------------------------------------------- messages


def test_commit_ends_an_utterance_and_clear_forgets_one(server: LiveServer):
    with session(server) as client:
        client.play(spoken("hello world"))
        client.say(type="commit")
        assert client.until("final")["text"] == "Hello world"
        client.play(spoken("lazy dog"))
        client.say(type="clear")
        client.play(spoken("_0.5 open source"))
        client.say(type="close")
        assert client.rest() == 1000
    assert client.text == "Hello world Open source"


def test_without_vad_only_the_client_ends_utterances(server: LiveServer):
    with session(server) as client:
        client.say(type="config", vad=None, partials=False, model="apart")
        assert client.until("session.updated")["session"]["model"] == "apart"
        client.play(spoken("hello _2 world _2"))
        client.say(type="commit")
        assert client.until("final")["text"] == "Hello world"
        assert not client.of("partial")


def test_a_shorter_silence_ends_utterances_sooner(server: LiveServer):
    with session(server) as client:
        client.say(type="config", vad={"type": "server_vad", "silence_duration_ms": 200})
        client.play(spoken("hello _0.4 world _1"))
        client.say(type="close")
        client.rest()
    assert [one["text"] for one in client.of("final")] == ["Hello", "World"]


def test_pings_are_answered_at_any_time(server: LiveServer):
    with session(server) as client:
        client.say(type="ping", id=7)
        assert client.until("pong")["id"] == 7
        client.play(spoken("hello"))
        client.say(type="ping", id="x")
        assert client.until("pong")["id"] == "x"


def test_silence_and_noise_say_nothing(server: LiveServer):
    noise = np.random.default_rng(0).normal(0, 0.003, 48_000).astype(np.float32)
    with session(server) as client:
        client.play(np.concatenate([silence(2), noise]))
        client.say(type="close")
        assert client.rest() == 1000
    assert client.text == ""


def test_the_subprotocol_is_agreed_on(server: LiveServer):
    with session(server, subprotocols=["other", "heylook.stt.v1"]) as client:
        assert client.connection.subprotocol == "heylook.stt.v1"


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("?model=nope", 4404, "model_not_found"),
        ("?sample_rate=100", 4400, "invalid"),
        ("?sample_rate=many", 4400, "wrong_type"),
        ("?volume=11", 4400, "invalid"),
        ("?vad=null", 4400, "invalid"),
        ("?language=tlhIngan", 4400, "invalid"),
    ],
)
def test_a_session_that_cannot_be_had_is_refused_with_a_reason(server: LiveServer, query: str, code: int, name: str):
    with session(server, query) as client:
        assert client.rest() == code
    [error] = client.of("error")
    assert (error["code"], error["fatal"]) == (name, True)
    assert error["error"]


@pytest.mark.parametrize(
    ("query", "code"),
    [("?model=toy", 4400), ("?model=broken", 1011), ("?model=scripted&language=fi", 4400)],
)
def test_a_model_that_cannot_listen_ends_the_session(server: LiveServer, query: str, code: int):
    with session(server, query) as client:
        client.play(silence(0.1))
        assert client.rest() == code
    assert client.of("error")


def test_messages_that_are_none_are_refused_and_the_session_goes_on(server: LiveServer):
    with session(server) as client:
        for message in ({"type": "dance"}, {"type": "config", "vad": 5}, {}, [1], {"type": "config", "sample_rate": 1}):
            client.connection.send(json.dumps(message))
            if message == {"type": "config", "sample_rate": 1}:
                break
            assert client.until("error")["fatal"] is False
        assert client.rest() == 4400


def test_a_config_after_audio_is_refused_and_the_session_goes_on(server: LiveServer):
    with session(server) as client:
        client.play(spoken("hello"))
        client.say(type="config", partials=False)
        assert client.until("error") == {
            "type": "error",
            "code": "bad_config",
            "fatal": False,
            "error": "A session is configured before its first audio.",
        }
        client.say(type="close")
        assert client.rest() == 1000
    assert client.text == "Hello"


@pytest.mark.parametrize("garbage", ["{", "not json", "\x00", '{"type": "ping"'])
def test_text_that_is_no_json_ends_the_session(server: LiveServer, garbage: str):
    with session(server) as client:
        client.connection.send(garbage)
        assert client.rest() == 1007


def test_bytes_that_are_no_sound_harm_nothing(server: LiveServer):
    with session(server) as client:
        client.connection.send(b"")
        client.connection.send(b"\x01")
        client.connection.send(os.urandom(100_001))
        client.say(type="close")
        assert client.rest() == 1000


def test_a_session_without_audio_is_ended(server: LiveServer):
    with session(server) as client:
        client.play(spoken("hello world"))
        assert client.rest() == 4408
    assert client.text == "Hello world"
    assert client.of("error")[0]["code"] == "idle"


def test_a_session_ends_at_its_longest(server: LiveServer):
    with session(server, "?model=scripted&partials=false") as client:
        with contextlib.suppress(ConnectionClosed):
            client.play(np.tile(spoken("hello world _1"), 80), block=32_000)
        assert client.rest() == 4413
    assert client.of("final")
    assert client.of("error")[0]["code"] == "too_long"


def test_no_more_sessions_than_allowed(server: LiveServer):
    with contextlib.ExitStack() as stack:
        for _ in range(LIMITS.max_sessions):
            stack.enter_context(session(server)).until("session.created")
        with session(server) as client:
            assert client.rest() == 1013
        assert client.of("error")[0]["code"] == "busy"
    until_idle(server)
    with session(server) as client:
        client.until("session.created")


def test_pages_of_other_sites_are_refused(server: LiveServer):
    with pytest.raises(InvalidStatus) as refusal, session(server, origin="https://evil.example"):
        pass
    assert refusal.value.response.status_code == 403
    assert b"evil.example" in refusal.value.response.body


def test_a_model_that_breaks_ends_the_session_and_the_next_one_works(server: LiveServer):
    with session(server) as client:
        client.play(spoken("hello fail world _1"))
        assert client.rest() == 1011
        assert "told to fail" in client.of("error")[0]["error"]
    with session(server) as client:
        client.play(spoken("hello _1"))
        assert client.until("final")["text"] == "Hello"


def test_a_worker_that_is_killed_ends_its_session_and_the_next_one_works(server: LiveServer):
    with session(server, "?model=apart") as client:
        client.play(spoken("hello world the quick"))
        client.until("partial")
        pid = server.call(lambda: server.server.serving.residency.resident("apart").channel.pid)  # type: ignore[union-attr]
        assert pid
        os.kill(pid, signal.SIGKILL)
        assert client.rest() == 1011
        assert "killed by SIGKILL" in client.of("error")[0]["error"]
    with session(server, "?model=apart") as client:
        client.play(spoken("hello _1"))
        assert client.until("final")["text"] == "Hello"


def test_clients_that_vanish_leave_nothing_behind(server: LiveServer):
    for _ in range(8):
        with session(server) as client:
            client.play(spoken("hello world the quick"))
            client.connection.socket.close()
    until_idle(server)
    with session(server) as client:
        client.play(spoken("hello _1"))
        assert client.until("final")["text"] == "Hello"


def test_a_recording_may_be_sent_far_ahead_of_the_model(server: LiveServer):
    """The slow model needs longer for a word than it takes to say it."""
    with session(server, "?model=slow&partials=false") as client:
        client.play(spoken("_0.5 hello world _1 open source speech works _50"), block=32_000)
        client.say(type="close")
        assert client.rest() == 1000
    assert client.text == "Hello world Open source speech works"
    assert not client.of("warning")


def test_who_cannot_be_kept_up_with_in_real_time_is_warned_and_then_dropped(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
):
    for name, seconds in LIMITS_IN_TEST.items():
        monkeypatch.setattr(live, name, seconds)
    with session(server, "?model=slow") as client:
        with contextlib.suppress(ConnectionClosed):
            client.play(spoken("hello world open source local server speech works " * 8), block=3200, speed=4)
        assert client.rest() == 1013
    assert len(client.of("warning")) == 1
    assert client.of("warning")[0]["code"] == "behind"
    assert client.of("error")[0]["code"] == "overloaded"
    until_idle(server)


@pytest.mark.parametrize(("drain", "text"), [(True, "Hello world"), (False, "")])
def test_a_server_that_stops_says_so_and_gives_the_last_words_if_it_has_time(drain: bool, text: str):
    models = (*toy_settings().models, ModelEntry(id="scripted", provider="scripted"))
    server = LiveServer(msgspec.structs.replace(toy_settings(), models=models))
    server.start()
    with session(server) as client:
        client.play(spoken("hello world"))
        client.until("partial")
        server.call(lambda: server.server.stop(drain))
        assert client.rest() == 1001
    server.stop()
    assert client.text == text
    assert client.of("error")[0]["code"] == "stopping"
