"""Every request leaves exactly one record, and it says what happened."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import live_server, toy_settings

pytestmark = pytest.mark.integration


def test_an_answer_leaves_a_record_with_its_counts_and_times(seen):
    answer = []
    [record] = seen.new(lambda: answer.append(seen.chat("one two three", max_tokens=12).json()))
    usage = answer[0]["usage"]
    assert (record.outcome, record.status, record.error) == ("ok", 200, None)
    assert (record.dialect, record.kind, record.model, record.provider) == ("openai", "chat", "toy", "toy")
    assert (record.prompt_tokens, record.completion_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert (record.completion_tokens, record.finish, record.streamed) == (12, "length", False)
    assert 0 < record.first_token_seconds <= record.total_seconds
    assert 0 < record.gap_p50_seconds <= record.gap_p95_seconds
    parts = record.load_seconds + record.queue_seconds + record.prefill_seconds + record.decode_seconds
    assert parts <= record.total_seconds


@pytest.mark.parametrize("trouble", ["crash", "broken"])
@pytest.mark.parametrize("n", [1, 2])
def test_what_was_generated_before_a_failure_counts(seen, trouble, n):
    [record] = seen.new(lambda: seen.chat(f"[toy:{trouble}=3]", max_tokens=12, n=n))
    assert (record.outcome, record.status, record.finish) == ("failed", 500, None)
    assert record.prompt_tokens > 3
    if n == 1:
        assert record.completion_tokens == 3
    else:
        assert record.completion_tokens in (3, 4, 5, 6)  # where the other choice was by then


def test_a_streamed_answer_says_so_and_counts_alike(seen):
    whole, streamed = (
        seen.new(lambda stream=stream: seen.chat("say it", stream=stream).read())[0] for stream in (False, True)
    )
    assert (whole.streamed, streamed.streamed) == (False, True)
    assert (streamed.outcome, streamed.status) == ("ok", 200)
    assert streamed.prompt_tokens == whole.prompt_tokens
    assert streamed.completion_tokens == whole.completion_tokens


def test_what_was_cached_is_told(seen):
    text = "a long beginning that comes again " * 8
    first, second = (seen.new(lambda: seen.chat(text))[0] for _ in range(2))
    assert first.cached_tokens < second.cached_tokens == second.prompt_tokens - 1
    assert second.reuse


def test_the_pauses_between_tokens_are_those_of_the_engine(seen):
    [record] = seen.new(lambda: seen.chat("slowly", model="slow", max_tokens=10))
    assert record.gap_p50_seconds >= 0.019
    assert record.decode_seconds >= 9 * 0.019


REFUSED = {
    "no JSON": ({"content": b"{"}, 400, "invalid", ""),
    "a wrong type": ({"json": {"model": "toy", "messages": "x"}}, 400, "wrong_type", ""),
    "a missing field": ({"json": {"model": "toy"}}, 400, "missing", ""),
    "a wrong value": (
        {"json": {"model": "toy", "messages": [{"role": "user", "content": "x"}], "top_logprobs": 3}},
        400,
        "invalid",
        "toy",
    ),
    "an unknown model": (
        {"json": {"model": "none", "messages": [{"role": "user", "content": "x"}]}},
        404,
        "model_not_found",
        "none",
    ),
    "too much": ({"content": b"x" * 70_000}, 413, "too_large", ""),
}


@pytest.fixture(scope="module")
def served_once():
    with live_server(toy_settings(server={"max_body_bytes": 65_536})) as server:
        yield server


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_before_a_model_has_it_leaves_a_record_too(served_once, name):
    fields, status, error, model = REFUSED[name]
    before = len(served_once.finishes.get(0))
    answer = httpx.post(f"{served_once.url}/v1/chat/completions", trust_env=False, **fields)
    assert answer.status_code == status
    found = served_once.finishes.get(before + 1)[before:]
    assert [(one.outcome, one.status, one.error, one.model, one.provider) for one in found] == [
        ("failed", status, error, model, "")
    ]
    assert (found[0].request_id, found[0].kind) == (answer.headers["x-request-id"], "chat")


@pytest.mark.parametrize(
    ("path", "kind", "dialect"),
    [
        ("/v1/completions", "completion", "openai"),
        ("/v1/embeddings", "embedding", "openai"),
        ("/v1/responses", "chat", "openai"),
        ("/v1/tokenize", "tokens", "openai"),
        ("/api/chat", "chat", "ollama"),
        ("/api/generate", "completion", "ollama"),
        ("/api/embed", "embedding", "ollama"),
    ],
)
def test_every_kind_of_request_is_recorded_as_what_it_is(seen, path, kind, dialect):
    body = {
        "model": "toy",
        "input": "x",
        "prompt": "x",
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 4,
        "stream": False,
    }
    if path in ("/v1/responses", "/v1/tokenize"):
        body = {"model": "toy", "input" if "responses" in path else "prompt": "x"}
    answers = []
    [good] = seen.new(lambda: answers.append(seen.http.post(path, json=body)))
    assert answers[0].status_code == 200, answers[0].text
    assert (good.kind, good.dialect, good.outcome) == (kind, dialect, "ok")
    [bad] = seen.new(lambda: seen.http.post(path, content=b"nothing"))
    assert (bad.kind, bad.dialect, bad.outcome, bad.status) == (kind, dialect, "failed", 400)


def test_an_embedding_has_its_times_and_its_tokens(seen):
    answers = []
    body = {"model": "toy", "input": ["some words", "and some more"]}
    [record] = seen.new(lambda: answers.append(seen.http.post("/v1/embeddings", json=body).json()))
    assert record.prompt_tokens == answers[0]["usage"]["prompt_tokens"] > 0
    assert (record.completion_tokens, record.first_token_seconds) == (0, 0.0)
    assert 0 < record.prefill_seconds <= record.total_seconds


def test_a_missing_key_leaves_a_record_and_never_the_key(served):
    with served(api_keys=("secret",)) as seen:
        [none, wrong] = seen.new(
            lambda: (seen.chat(), seen.http.post("/v1/embeddings", json={}, headers={"x-api-key": "guess"})), 2
        )
        assert (none.status, none.error, none.kind) == (401, "authentication", "chat")
        assert (wrong.status, wrong.kind) == (401, "embedding")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/health"),
        ("POST", "/api/show"),
        ("GET", "/v1/performance"),
    ],
)
def test_what_asks_nothing_of_a_model_leaves_no_record(seen, method, path):
    seen.new(lambda: seen.http.request(method, path), 0)


@pytest.mark.parametrize(("trouble", "status", "error"), [("crash", 500, "engine"), ("broken", 500, "engine")])
def test_a_crash_of_the_engine_is_a_failure(seen, trouble, status, error):
    answers = []
    [record] = seen.new(lambda: answers.append(seen.chat(f"[toy:{trouble}]")))
    assert answers[0].status_code == status
    assert (record.outcome, record.status, record.error, record.finish) == ("failed", status, error, None)
    assert record.prompt_tokens > 0
    assert record.model == "toy"


def test_a_model_that_cannot_be_loaded_is_a_failure_of_each_request(seen):
    [record] = seen.new(lambda: seen.chat(model="broken"))
    assert (record.outcome, record.status, record.error) == ("failed", 503, "load_failed")
    assert (record.model, record.provider) == ("broken", "toy")


def test_a_full_queue_is_a_failure(served):
    with served(max_queue=1) as seen:
        answers = []

        def ask():
            answers.append(seen.chat("wait", model="slow", max_tokens=25).status_code)

        def crowd():
            threads = [threading.Thread(target=ask) for _ in range(14)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        records = seen.new(crowd, 14)
        assert sorted(answers) == sorted(record.status for record in records)
        busy = [record for record in records if record.status != 200]
        assert busy
        assert {(record.error, record.outcome, record.completion_tokens) for record in busy} == {("busy", "failed", 0)}


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_is_cancelled_and_not_failed(seen, stream):
    def leave():
        asked = {"model": "slow", "stream": stream, "max_tokens": 2000, "messages": [{"role": "user", "content": "x"}]}
        body = json.dumps(asked).encode()
        host, port = seen.server.url.removeprefix("http://").split(":")
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head.encode() + body)
            deadline = time.monotonic() + 20
            while "answering" not in seen.phases():
                assert time.monotonic() < deadline
                time.sleep(0.02)

    [record] = seen.new(leave)
    assert (record.outcome, record.status, record.error, record.streamed) == ("cancelled", 499, "cancelled", stream)
    assert 0 < record.completion_tokens < 2000


def test_each_item_of_a_batch_leaves_its_own_record_also_one_that_fails(seen):
    messages = [{"role": "user", "content": text} for text in ("one", "[toy:broken]", "three")]
    body = {"model": "toy", "max_tokens": 4, "messages": messages, "processing_mode": "parallel"}
    answers = []
    records = seen.new(lambda: answers.append(seen.http.post("/v1/chat/completions", json=body)), 3)
    assert answers[0].json()["batch_info"]["failed"] == 1
    assert sorted(record.outcome for record in records) == ["failed", "ok", "ok"]
    assert {record.request_id for record in records} == {answers[0].headers["x-request-id"]}


def test_further_choices_are_one_request(seen):
    answers = []
    [record] = seen.new(lambda: answers.append(seen.chat("again", n=3, max_tokens=5).json()))
    assert record.completion_tokens == answers[0]["usage"]["completion_tokens"] == 15
    assert record.prompt_tokens == answers[0]["usage"]["prompt_tokens"]


def test_reasoning_is_counted(seen):
    answers = []
    body = {"model": "scripted", "messages": [{"role": "user", "content": "think about it"}], "reasoning_effort": "low"}
    [record] = seen.new(lambda: answers.append(seen.http.post("/v1/chat/completions", json=body).json()))
    details = answers[0]["usage"]["completion_tokens_details"]
    assert record.reasoning_tokens == details["reasoning_tokens"] > 0


def test_a_worker_that_dies_fails_its_requests_and_no_other():
    """A child process ends without a word: the request that ran there has a record, and the next one is answered."""
    base = toy_settings()
    child = ModelEntry(id="toy", provider="toy", placement="process")
    with live_server(msgspec.structs.replace(base, models=(child,))) as server:
        body = {"model": "toy", "max_tokens": 4, "messages": [{"role": "user", "content": "[toy:exit]"}]}
        dead = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
        body["messages"][0]["content"] = "hello"
        well = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
        records = server.finishes.get(2)
    assert (dead.status_code, well.status_code) == (500, 200)
    assert [(one.outcome, one.error, one.status) for one in records] == [("failed", "engine", 500), ("ok", None, 200)]


def test_kill_minus_nine_of_the_server_loses_at_most_the_last_record_of_json_lines(tmp_path, monkeypatch):
    """Every record that a client could know of is on the disk."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.yaml").write_text(
        "plugins: {sinks: [jsonl]}\nserver: {port: 0}\nmodels: [{id: toy, provider: toy, placement: thread}]\n"
    )
    command = [str(Path(sys.executable).with_name("heylookllm")), "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        url = next(line for line in process.stdout if "is ready: " in line).partition("is ready: ")[2].split()[0]
        ids = []
        for _ in range(20):
            body = {"model": "toy", "max_tokens": 4, "messages": [{"role": "user", "content": "x"}]}
            answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
            ids.append(answer.headers["x-request-id"])
        process.send_signal(signal.SIGKILL)
        process.wait()
    lines = (tmp_path / "logs" / "requests.jsonl").read_text().splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == ids
