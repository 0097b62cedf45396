"""Requests on their way through the real server: keepalive, disconnects, slow readers, errors without a dialect."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from heylook_core.analytics import RequestRecord
from heylook_core.dialect import Call, Dialect, Reply, StreamReply, operation
from heylook_core.errors import EngineFailed, HeylookError
from heylook_core.plugins import DIALECTS, Plugins
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
ENDLESS = 1_000_000


def chat(content: str = "x", **fields: Any) -> dict[str, Any]:
    return {"model": "toy", "messages": [{"role": "user", "content": content}]} | fields


@contextlib.contextmanager
def connection(server: LiveServer, body: dict[str, Any], path: str = CHAT) -> Iterator[socket.socket]:
    """A bare connection on which a request has been sent."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as made:
        data = json.dumps(body).encode()
        made.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        yield made


def read_until(client: socket.socket, words: bytes) -> None:
    read = b""
    while words not in read:
        piece = client.recv(4096)
        assert piece, read
        read += piece


def live_rows(server: LiveServer) -> int:
    """How many requests the toy model works on."""
    return server.call(lambda: sum(model.in_flight for model in server.server.serving.health().models))


def until_idle(server: LiveServer) -> None:
    """Return once nothing is in flight; a request that was cancelled while its model loaded is released after that."""
    while live_rows(server):
        time.sleep(0.01)


def test_client_that_leaves_a_stream_stops_the_work():
    with live_server(toy_settings(step_delay=0.01, answer_tokens=ENDLESS, context=2 * ENDLESS)) as server:
        with connection(server, chat(stream=True, max_tokens=ENDLESS)) as client:
            read_until(client, b'"delta":{"content":')
        [record] = server.finishes.get()
        assert (record.outcome, record.streamed) == ("cancelled", True)
        assert 0 < record.completion_tokens < ENDLESS
        until_idle(server)


def test_client_that_leaves_before_its_whole_answer_stops_the_work():
    with live_server(toy_settings(step_delay=0.01, answer_tokens=ENDLESS, context=2 * ENDLESS)) as server:
        with connection(server, chat(max_tokens=ENDLESS)):
            while not live_rows(server):
                time.sleep(0.01)
        [record] = server.finishes.get()
        assert (record.outcome, record.streamed) == ("cancelled", False)
        assert record.completion_tokens < ENDLESS
        until_idle(server)


def test_client_that_leaves_during_the_prompt_stops_the_work():
    with live_server(toy_settings(server={"keepalive": 0.05})) as server:
        with connection(server, chat("[toy:prompt=600]", stream=True)) as client:
            read_until(client, b": keepalive")
        [record] = server.finishes.get()
        assert (record.outcome, record.completion_tokens) == ("cancelled", 0)


def test_client_that_does_not_read_is_cut_off():
    settings = toy_settings(answer_tokens=ENDLESS, context=2 * ENDLESS, server={"write_timeout": 0.4})
    with live_server(settings) as server:
        with connection(server, chat(stream=True, max_tokens=ENDLESS, logprobs=True, top_logprobs=20)):
            [record] = server.finishes.get()
        assert record.outcome == "cancelled"
        assert record.completion_tokens < ENDLESS


def test_stream_that_takes_longer_than_the_write_timeout_is_served():
    settings = toy_settings(answer_tokens=40, step_delay=0.05, server={"write_timeout": 0.2})
    with live_server(settings) as server, httpx.Client(timeout=60) as http:
        answer = http.post(server.url + CHAT, json=chat(stream=True))
        assert answer.text.endswith("data: [DONE]\n\n")


def test_silent_stream_carries_keepalives_with_progress():
    settings = toy_settings(prefill_delay_per_token=0.0005, server={"keepalive": 0.05})
    with live_server(settings) as server, httpx.Client(timeout=60) as http:
        lines = http.post(server.url + CHAT, json=chat("w " * 1500, stream=True, max_tokens=1)).text.splitlines()
    comments = [line for line in lines if line.startswith(":")]
    assert comments
    for comment in comments:
        words = comment.split()
        assert words[:2] == [":", "keepalive"]
        assert len(words) == 2 or words[2].partition("/")[2].isdigit()
    assert lines[-2] == "data: [DONE]"


def test_stream_of_a_model_that_loads_long_gets_its_headers_early():
    settings = toy_settings(load_delay=1.0, server={"keepalive": 0.1, "early_headers": 0.1})
    with live_server(settings) as server, httpx.Client(timeout=60) as http:
        answer = http.post(server.url + CHAT, json=chat(stream=True, max_tokens=1))
    assert ": keepalive" in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


def test_load_that_fails_after_early_headers_is_an_error_event():
    settings = toy_settings(load_delay=1.0, fail="load", server={"early_headers": 0.1})
    with live_server(settings) as server, httpx.Client(timeout=60) as http:
        answer = http.post(server.url + CHAT, json=chat(stream=True))
    assert answer.status_code == 200
    assert '"code":"model_load_failed"' in answer.text
    assert "[DONE]" not in answer.text


def test_every_request_ends_in_one_record():
    with live_server() as server, httpx.Client(timeout=60) as http:
        for stream in (True, False):
            http.post(
                server.url + CHAT, json=chat(stream=stream, max_tokens=3), headers={"x-request-id": f"r-{stream}"}
            )
        records = server.finishes.get(2)
    assert [(record.request_id, record.outcome) for record in records] == [("r-True", "ok"), ("r-False", "ok")]
    assert {record.dialect for record in records} == {"openai"}


class OddDialect(Dialect):
    """Answers in its own way, and fails in every way."""

    name = "odd"
    prefixes = ("/odd",)

    def error(self, error: HeylookError) -> Reply:
        return Reply(status=418, body=f"odd: {error.message}".encode(), content_type="text/plain")

    @operation("POST", "/odd/raw/{name}", summary="Give back what came", body=bytes)
    async def raw(self, call: Call) -> Reply:
        return Reply(body={"name": call.params["name"], "query": dict(call.query), "body": call.body.decode()})

    @operation("GET", "/odd/bug", summary="Fail unexpectedly")
    async def bug(self, call: Call) -> Reply:
        raise ZeroDivisionError

    @operation("GET", "/odd/stream/{how}", summary="Break off", media="text/plain")
    async def stream(self, call: Call) -> StreamReply:
        async def pieces() -> Any:
            yield b"one "
            raise {"known": EngineFailed("It broke."), "bug": ZeroDivisionError()}[call.params["how"]]

        return StreamReply(content=pieces(), failure=lambda error: error.message.encode(), content_type="text/plain")


class PluginsWithOdd(Plugins):
    def names(self, group: str) -> list[str]:
        return [*super().names(group), "odd"] if group == DIALECTS else super().names(group)

    def load(self, group: str, name: str) -> type[Any]:
        return OddDialect if (group, name) == (DIALECTS, "odd") else super().load(group, name)


@pytest.fixture(scope="module")
def odd() -> Iterator[httpx.Client]:
    with live_server(None, PluginsWithOdd()) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        yield http


def test_each_dialect_words_the_errors_below_its_prefix(odd: httpx.Client):
    assert odd.get("/odd/nope").text == "odd: There is no route GET /odd/nope on this server."
    assert odd.get("/oddly").json()["error"]["kind"] == "not_found"
    assert odd.get("/v1/nope").json()["error"]["type"] == "invalid_request_error"
    assert odd.get("/odd/raw/x").headers["allow"] == "POST, OPTIONS"


def test_handler_gets_raw_body_parameters_and_query(odd: httpx.Client):
    answer = odd.post("/odd/raw/a%20b?x=1&x=2&y=3", content=b"not json")
    assert answer.json() == {"name": "a b", "query": {"x": "2", "y": "3"}, "body": "not json"}


def test_bug_is_worded_by_the_dialect_and_logged_with_its_traceback(
    odd: httpx.Client, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.ERROR):
        answer = odd.get("/odd/bug")
    assert answer.text == "odd: The server failed unexpectedly; its log has the details."
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


def test_stream_that_breaks_ends_with_the_dialects_failure(odd: httpx.Client):
    assert odd.get("/odd/stream/known").text == "one It broke."
    assert "failed unexpectedly" in odd.get("/odd/stream/bug").text


def test_health_lists_models_and_their_state():
    with live_server() as server, httpx.Client(base_url=server.url, timeout=60) as http:
        assert http.get("/health").json() == {"status": "ok", "models": []}
        http.post(CHAT, json=chat(max_tokens=1))
        [model] = http.get("/health").json()["models"]
        assert (model["id"], model["state"]) == ("toy", "ready")
        assert http.head("/health").status_code == 200


def test_worker_that_hangs_makes_health_red_and_fails_its_requests():
    settings = toy_settings(server={"hang_timeout": 0.5})
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        http.post(CHAT, json=chat(max_tokens=1))
        answer = http.post(CHAT, json=chat("[toy:hang]"))
        assert answer.status_code == 500
        health = http.get("/health")
        assert health.status_code == 503
        assert health.json()["status"] == "degraded"
        assert health.json()["models"][0]["detail"]
        assert http.post(CHAT, json=chat()).status_code == 503
    records: list[RequestRecord] = server.finishes.get(2)
    assert records[1].outcome == "failed"
