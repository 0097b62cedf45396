"""What is the same on every route: bodies, errors, streams, status codes, and what has crashed clients elsewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import datetime

import httpx
import msgspec
import pytest

from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from tests.ollama.conftest import lines_of

pytestmark = pytest.mark.integration

HELLO = [{"role": "user", "content": "hello"}]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
COUNTS = {
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
}


def test_root_says_that_it_runs(http: httpx.Client):
    answer = http.get("/")
    assert (answer.status_code, answer.text) == (200, "Ollama is running")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags"])
def test_head_is_answered_like_get_without_a_body(http: httpx.Client, path: str):
    answer = http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_version_can_be_parsed_by_open_webui_and_is_new_enough_for_vs_code(http: httpx.Client):
    version = http.get("/api/version").json()["version"]
    numbers = tuple(int(part) for part in re.sub(r"^v|-.*", "", version).split("."))
    assert numbers >= (0, 6, 4)


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain", "application/json"])
def test_body_is_read_whatever_it_claims_to_be(http: httpx.Client, content_type: str | None):
    body = json.dumps({"model": "toy", "messages": HELLO, "stream": False, "options": {"num_predict": 2}})
    headers = {"content-type": content_type} if content_type else {}
    answer = http.request("POST", "/api/chat", content=body.encode(), headers=headers)
    assert answer.status_code == 200
    assert answer.json()["eval_count"] == 2


def test_curl_without_a_content_type_works(server: LiveServer):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    body = '{"model": "toy", "prompt": "[toy:say=hello]", "stream": false, "think": false}'
    command = [curl, "-sS", f"{server.url}/api/generate", "-d", body]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(found.stdout)["response"] == "hello"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/chat", b"", 400, "no body"),
        ("/api/chat", b"{", 400, "not valid JSON"),
        ("/api/chat", b'{"model":"toy","messages":"hi"}', 400, "messages"),
        ("/api/chat", b'{"model":"toy","messages":[{"role":"user","content":[{"type":"text"}]}]}', 400, "content"),
        ("/api/chat", b"{}", 400, "model is required"),
        ("/api/show", b"{}", 400, "model is required"),
        ("/api/chat", b'{"model":"nope","messages":[]}', 404, "model 'nope' not found"),
        ("/api/generate", b'{"model":"nope"}', 404, "not found"),
        ("/api/embed", b'{"model":"nope","input":"x"}', 404, "not found"),
        ("/api/show", b'{"name":"nope"}', 404, "not found"),
        ("/api/chat", b'{"model":"plain:cloud","messages":[]}', 404, "not found"),
        ("/api/chat", b'{"model":"toy","messages":[],"keep_alive":"x"}', 400, "keep_alive"),
        ("/api/embed", b'{"model":"plain","input":["x"]}', 400, "cannot make embeddings"),
        ("/api/embed", b'{"model":"toy","input":5}', 400, "invalid input type"),
        ("/api/nothing", b"{}", 404, "no route"),
    ],
)
def test_error_is_an_object_with_one_string(http: httpx.Client, path: str, body: bytes, status: int, words: str):
    answer = http.post(path, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/json")
    found = answer.json()
    assert found.keys() == {"error"}
    assert isinstance(found["error"], str)
    assert words in found["error"]


def test_null_counts_as_absent_and_unknown_keys_are_ignored(http: httpx.Client):
    nulls = dict.fromkeys(("format", "keep_alive", "tools", "think", "truncate", "shift", "logprobs", "top_logprobs"))
    message = {"role": "user", "content": "[toy:say=x]", "images": None, "tool_calls": None, "thinking": None}
    body = {"model": "toy", "messages": [message], "stream": False, "new": {"a": 1}, **nulls, "think": False}
    body["options"] = dict.fromkeys(("temperature", "top_k", "stop", "mirostat"))
    answer = http.post("/api/chat", json=body)
    assert answer.json()["message"] == {"role": "assistant", "content": "x"}
    assert "x-heylook-warning" not in answer.headers


def test_streaming_is_the_default_and_only_false_ends_it(http: httpx.Client):
    for extra in ({}, {"stream": None}, {"stream": True}):
        lines = lines_of(http.post("/api/chat", json={"model": "toy", "messages": HELLO, **extra}))
        assert lines[-1]["done"] is True
    answer = http.post("/api/chat", json={"model": "toy", "messages": HELLO, "stream": False})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_every_line_of_a_stream_has_exactly_its_keys(http: httpx.Client):
    body = {"model": "acme/calling", "messages": HELLO, "think": True, "tools": [tool("add")]}
    *chunks, last = lines_of(http.post("/api/chat", json=body))
    for chunk in chunks:
        assert chunk.keys() == {"model", "created_at", "message", "done"}
        assert chunk["model"] == "acme/calling"
        assert chunk["done"] is False
        assert MOMENT.fullmatch(chunk["created_at"])
        assert datetime.fromisoformat(chunk["created_at"]).tzinfo is not None
        assert chunk["message"]["role"] == "assistant"
        assert isinstance(chunk["message"]["content"], str)
    assert last.keys() == {"model", "created_at", "message", "done", "done_reason", *COUNTS}
    assert last["message"] == {"role": "assistant", "content": ""}


def test_chunks_come_in_ollamas_order_with_whole_tool_calls(http: httpx.Client):
    body = {"model": "acme/calling", "messages": HELLO, "think": True, "tools": [tool("add")]}
    chunks = [line["message"] for line in lines_of(http.post("/api/chat", json=body))]
    kinds = ["thinking" if "thinking" in one else "call" if "tool_calls" in one else "text" for one in chunks]
    assert [kind for kind, after in zip(kinds, [*kinds[1:], ""], strict=True) if kind != after] == [
        "thinking",
        "text",
        "call",
        "text",
    ]
    calls = [call for one in chunks for call in one.get("tool_calls", ())]
    assert [call["function"] for call in calls] == [
        {"index": 0, "name": "add", "arguments": {"z": "last", "n": 0}},
        {"index": 1, "name": "add", "arguments": {"z": "last", "n": 1}},
    ]
    assert len({call["id"] for call in calls}) == 2
    assert all(one["content"] == "" for one in chunks if "tool_calls" in one or "thinking" in one)
    assert list(calls[0]["function"]["arguments"]) == ["z", "n"]


def test_durations_are_whole_nanoseconds_of_what_really_passed(http: httpx.Client):
    answer = http.post("/api/chat", json={"model": "acme/calling", "messages": HELLO, "stream": False}).json()
    assert all(isinstance(answer[name], int) for name in COUNTS)
    assert answer["prompt_eval_duration"] == 500_000_000
    assert answer["eval_duration"] == 1_500_000_000
    assert answer["load_duration"] >= 250_000_000
    assert (answer["prompt_eval_count"], answer["eval_count"]) == (7, 12)


def test_counts_are_in_the_last_line_only_and_equal_those_of_a_whole_answer(http: httpx.Client):
    body = {"model": "toy", "messages": HELLO, "think": False, "options": {"temperature": 0, "num_predict": 5}}
    *chunks, last = lines_of(http.post("/api/chat", json=body))
    whole = http.post("/api/chat", json={**body, "stream": False}).json()
    assert not any(COUNTS & chunk.keys() for chunk in chunks)
    assert "".join(chunk["message"]["content"] for chunk in chunks) == whole["message"]["content"]
    for name in ("prompt_eval_count", "eval_count", "done_reason"):
        assert last[name] == whole[name]


@pytest.mark.parametrize(
    ("options", "reason"), [({"num_predict": 3}, "length"), ({}, "stop"), ({"num_predict": -1}, "stop")]
)
def test_done_reason_tells_why_it_ended(http: httpx.Client, options: dict[str, int], reason: str):
    body = {"model": "toy", "messages": HELLO, "options": options, "think": False, "stream": False}
    assert http.post("/api/chat", json=body).json()["done_reason"] == reason


def test_tool_calls_end_with_stop(http: httpx.Client):
    body = {"model": "acme/calling", "messages": HELLO, "tools": [tool("add")], "stream": False}
    answer = http.post("/api/chat", json=body).json()
    assert (answer["done"], answer["done_reason"]) == (True, "stop")
    assert [call["function"]["arguments"]["n"] for call in answer["message"]["tool_calls"]] == [0, 1]


def test_error_after_the_start_is_one_last_line_without_done(http: httpx.Client):
    fail = [{"role": "user", "content": "fail"}]
    lines = lines_of(http.post("/api/chat", json={"model": "scripted", "messages": fail, "think": False}))
    assert lines[0]["message"]["content"] == "so"
    assert lines[-1].keys() == {"error"}
    assert isinstance(lines[-1]["error"], str)
    assert not any(line.get("done") for line in lines)


def test_error_before_the_start_of_a_stream_has_its_own_status(http: httpx.Client):
    answer = http.post("/api/chat", json={"model": "broken", "messages": HELLO, "stream": True})
    assert answer.status_code == 503
    assert "could not be loaded" in answer.json()["error"]


def test_full_queue_is_503_in_ollamas_words_with_a_time_to_come_back():
    settings = toy_settings(server={"max_queue": 1}, max_concurrency=1)
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        client.post("/api/generate", json={"model": "toy"})
        never = {"model": "toy", "prompt": "[toy:prompt=600]"}
        with client.stream("POST", "/api/generate", json=never), client.stream("POST", "/api/generate", json=never):
            answer = client.post("/api/generate", json={"model": "toy", "prompt": "x"})
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("server busy, please try again.  maximum pending requests exceeded")
    assert int(answer.headers["retry-after"]) >= 1


def test_names_are_echoed_as_they_were_written(http: httpx.Client):
    for name in ("toy", "toy:latest", "TOY", "library/toy", "registry.ollama.ai/library/Toy:latest", "toy:local"):
        answer = http.post("/api/generate", json={"model": name, "prompt": "[toy:say=x]", "stream": False})
        assert answer.json()["model"] == name
    for name in ("Acme/Calling", "acme/calling:latest", "caller", "CALLER:latest", "caller:7b"):
        lines = lines_of(http.post("/api/chat", json={"model": name, "messages": HELLO}))
        assert {line["model"] for line in lines} == {name}
    assert http.post("/api/show", json={"model": "caller:8b"}).status_code == 404


def test_foreign_web_page_may_not_write_and_the_pages_of_programs_may(http: httpx.Client):
    def status(origin: str) -> int:
        return http.post("/api/generate", json={"model": "toy"}, headers={"origin": origin}).status_code

    assert status("https://evil.test") == 403
    for origin in ("app://obsidian.md", "vscode-webview://x", "chrome-extension://abc", "tauri://localhost"):
        assert status(origin) == 200
    assert status("http://localhost:3000") == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("host.docker.internal:11434", 200),
        ("mac.local", 200),
        ("192.168.1.7:11434", 200),
        ("0.0.0.0", 200),
        ("evil.test", 403),
        ("8.8.8.8", 403),
        ("internal", 403),
    ],
)
def test_host_must_be_a_name_that_no_foreign_page_can_have(http: httpx.Client, host: str, status: int):
    assert http.get("/api/version", headers={"host": host}).status_code == status


def tool(name: str) -> dict[str, object]:
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


def test_context_overflow_can_be_refused_by_configuration():
    settings = msgspec.structs.replace(
        toy_settings(context=128), dialects={"ollama": {"context_overflow": "error", "version": "0.20.0-heylook"}}
    )
    talk = [{"role": "user", "content": "a" * 120}, {"role": "user", "content": "b"}]
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.post("/api/chat", json={"model": "toy", "messages": talk}).status_code == 400
        assert client.get("/api/version").json() == {"version": "0.20.0-heylook"}
