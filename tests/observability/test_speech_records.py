"""Records of what is heard: files and live sessions, with their seconds, however they end."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from heylook_core.analytics import RequestRecord
from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.testkit.sound_files import sound_file
from heylook_core.testkit.speech_contract import pcm
from heylook_core.testkit.tone_speech import silence, spoken

pytestmark = pytest.mark.integration

SAID = spoken("_0.5 hello world _0.5")
SECONDS = len(SAID) / 16_000
MODELS = {"hears": "thread", "apart": "process"}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    models = [ModelEntry(id=id_, provider="scripted", placement=where) for id_, where in MODELS.items()]
    with live_server(msgspec.structs.replace(toy_settings(), models=(*toy_settings().models, *models))) as running:
        yield running


def record(server: LiveServer, action: Callable[[], Any]) -> RequestRecord:
    """The only one that the action leaves."""
    before = len(server.finishes.get(0))
    action()
    [found] = server.finishes.get(before + 1)[before:]
    return found


def post(server: LiveServer, data: bytes, model: str, route: str = "transcriptions", **fields: str) -> httpx.Response:
    form: dict[str, Any] = {"data": {"model": model, **fields}, "files": {"file": ("a.wav", data)}}
    return httpx.post(f"{server.url}/v1/audio/{route}", timeout=60, trust_env=False, **form)


@contextlib.contextmanager
def session(server: LiveServer, model: str) -> Iterator[ClientConnection]:
    address = server.url.replace("http", "ws")
    with connect(f"{address}/v1/stt/stream?model={model}", additional_headers={"x-request-id": "live"}) as connection:
        yield connection


def rest(connection: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            connection.recv(60)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("route", ["transcriptions", "translations"])
def test_a_file_counts_with_its_seconds(server: LiveServer, model: str, route: str):
    found = record(server, lambda: post(server, sound_file(SAID, 16_000, "wav"), model, route))
    assert (found.kind, found.dialect, found.provider, found.model) == ("transcription", "openai", "scripted", model)
    assert (found.outcome, found.status, found.streamed, found.finish) == ("ok", 200, False, "stop")
    assert found.audio_seconds == pytest.approx(SECONDS, abs=0.01)
    assert 0 < found.first_token_seconds <= found.total_seconds


def test_a_streamed_file_says_so(server: LiveServer):
    found = record(server, lambda: post(server, sound_file(SAID, 16_000, "wav"), "hears", stream="true"))
    assert (found.kind, found.outcome, found.streamed) == ("transcription", "ok", True)


@pytest.mark.parametrize("model", ["hears", "none"])
def test_a_file_that_is_refused_leaves_a_record_without_seconds(server: LiveServer, model: str):
    answers = []
    sound = b"no sound at all" if model == "hears" else sound_file(SAID, 16_000, "wav")
    found = record(server, lambda: answers.append(post(server, sound, model)))
    assert found.status == answers[0].status_code == (400 if model == "hears" else 404)
    assert (found.kind, found.outcome, found.audio_seconds) == ("transcription", "failed", 0.0)
    assert found.request_id == answers[0].headers["x-request-id"]


@pytest.mark.parametrize("model", MODELS)
def test_a_live_session_is_one_record_with_the_seconds_that_were_sent(server: LiveServer, model: str):
    def speak() -> None:
        with session(server, model) as connection:
            connection.send(pcm(SAID))
            connection.send(json.dumps({"type": "close"}))
            rest(connection)

    found = record(server, speak)
    assert (found.kind, found.outcome, found.streamed, found.request_id) == ("transcription", "ok", True, "live")
    assert found.audio_seconds == pytest.approx(SECONDS, abs=0.01)


def test_a_session_whose_client_leaves_was_cancelled(server: LiveServer):
    def leave() -> None:
        with session(server, "hears") as connection:
            connection.send(pcm(silence(1)))
            assert json.loads(connection.recv(60))["type"] == "session.created"
            connection.socket.close()

    found = record(server, leave)
    assert (found.kind, found.outcome, found.status, found.error) == ("transcription", "cancelled", 499, "cancelled")


def test_a_session_of_no_such_model_leaves_a_record(server: LiveServer):
    def ask() -> None:
        with session(server, "none") as connection:
            rest(connection)

    found = record(server, ask)
    assert (found.kind, found.outcome, found.status, found.model) == ("transcription", "failed", 404, "none")
    assert found.request_id == "live"
