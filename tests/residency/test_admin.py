"""Administration of what is served: load, unload, events, reload, restart; as a client sees it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import live_server, toy_settings

SECONDS = 60.0
CHAT = {"model": "toy", "max_tokens": 4, "messages": [{"role": "user", "content": "hello"}]}
MODELS = """
max_loaded_models: 2
models:
  - id: same
    provider: toy
    placement: thread
  - id: org/changing
    provider: toy
    placement: thread
    config: {answer_tokens: 4}
  - id: leaving
    provider: toy
    placement: thread
"""


def call(url: str, method: str = "POST", body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def chat(url: str, model: str, text: str = "hello") -> tuple[int, dict[str, Any]]:
    body = {"model": model, "max_tokens": 4, "messages": [{"role": "user", "content": text}]}
    return call(f"{url}/v1/chat/completions", "POST", body)


def decisions(url: str, query: str = "") -> list[tuple[str, str]]:
    status, answer = call(f"{url}/v1/admin/events{query}", "GET")
    assert status == 200
    assert all(event["reason"].endswith(".") for event in answer["events"])
    return [(event["decision"], event["model"]) for event in answer["events"]]


def two_toys(**server: Any) -> Settings:
    models = tuple(ModelEntry(id=name, provider="toy", placement="thread") for name in ("toy", "org/toy/small"))
    return Settings(models=models, server=ServerSettings(**{"port": 0, "drain_timeout": 5.0, **server}))


# ------------------------------------------------------------------ load and unload


@pytest.mark.parametrize("model", ["toy", "org/toy/small", "org%2Ftoy%2Fsmall"])
def test_a_model_is_loaded_and_unloaded_by_name(model: str) -> None:
    with live_server(two_toys()) as server:
        url, name = server.url, model.replace("%2F", "/")
        assert call(f"{url}/v1/admin/models/{model}/load") == (200, {"id": name, "status": "loaded"})
        assert [row["id"] for row in call(f"{url}/v1/admin/models", "GET")[1]["models"]] == [name]
        assert call(f"{url}/v1/admin/models/{model}/unload") == (200, {"id": name, "status": "unloaded"})
        assert call(f"{url}/v1/admin/models/{model}/unload") == (200, {"id": name, "status": "not loaded"})
        assert decisions(url) == [("loading", name), ("loaded", name), ("unloaded", name)]


def test_a_model_at_work_leaves_after_its_last_request() -> None:
    settings = toy_settings(context=100_000, step_delay=0.005)
    with live_server(settings) as server:
        body = {"model": "toy", "max_tokens": 400, "ignore_eos": True, "stream": True}
        body["messages"] = [{"role": "user", "content": "go on"}]
        request = urllib.request.Request(f"{server.url}/v1/chat/completions", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            answer.readline()
            assert call(f"{server.url}/v1/admin/models/toy/unload")[1]["status"] == "leaving"
            (told,) = call(f"{server.url}/v1/admin/models", "GET")[1]["models"]
            assert (told["state"], told["detail"]) == ("ready", "It leaves as soon as it is idle.")
            assert b"[DONE]" in answer.read()
        until(lambda: ("expired", "toy") in decisions(server.url) or ("unloaded", "toy") in decisions(server.url))


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("models/nobody/load", 404, "model_not_found"),
        ("models/pull/load", 404, "model_not_found"),
        ("models/toy/dance", 404, "not_found"),
        ("models//load", 404, "not_found"),
        ("models/load", 404, "not_found"),
        ("reload", 400, "unsupported"),
    ],
)
def test_what_is_not_there_is_refused(path: str, status: int, kind: str) -> None:
    with live_server(two_toys()) as server:
        answered, answer = call(f"{server.url}/v1/admin/{path}")
        assert (answered, answer["error"]["kind"]) == (status, kind)


def test_a_load_that_fails_is_503_with_its_cause_and_is_tried_again_when_asked_for_by_name() -> None:
    with live_server(toy_settings(fail="load")) as server:
        for _ in range(2):
            status, answer = call(f"{server.url}/v1/admin/models/toy/load")
            assert (status, answer["error"]["kind"]) == (503, "load_failed")
            assert "told to fail" in answer["error"]["message"]
        assert decisions(server.url) == [("loading", "toy"), ("failed", "toy")] * 2
        request = urllib.request.Request(f"{server.url}/v1/chat/completions", json.dumps(CHAT).encode())
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=SECONDS)
        assert refused.value.code == 503
        assert 1 <= int(refused.value.headers["retry-after"]) <= 10
        assert len(decisions(server.url)) == 4


def test_a_load_says_how_long_the_model_stays() -> None:
    with live_server(toy_settings()) as server:
        route = f"{server.url}/v1/admin/models/toy"
        assert call(f"{route}/load?keep_alive=1h")[0] == 200
        _, told = call(f"{server.url}/v1/admin/models", "GET")
        assert told["models"][0]["expires_at"] == pytest.approx(time.time() + 3600, abs=SECONDS)
        for path in ("load?keep_alive=soon", "unload?keep_alive=1h", "load?stay=1h"):
            status, answer = call(f"{route}/{path}")
            assert (status, answer["error"]["kind"]) == (400, "invalid"), path
            assert f"`{path.partition('?')[2].partition('=')[0]}`" in answer["error"]["message"]
            assert "body" not in answer["error"]["message"]


ROUTES = [
    ("POST", "/v1/admin/models/toy/load"),
    ("POST", "/v1/admin/models/toy/unload"),
    ("POST", "/v1/admin/reload"),
    ("POST", "/v1/admin/restart"),
    ("GET", "/v1/admin/events"),
    ("GET", "/v1/admin/events?follow=true"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_administrators_may(method: str, path: str) -> None:
    with live_server(two_toys(admin_tokens=("secret",))) as server:
        assert call(server.url + path, method)[0] == 403
        assert call(server.url + path, method, X_Admin_Token="wrong")[0] == 403
        assert call(server.url + path, method, X_Admin_Token="secret", Origin="http://localhost:3000")[0] == 403
        assert decisions_of_server(server) == []


def decisions_of_server(server: Any) -> list[str]:
    return [event.decision for event in server.call(server.server.serving.residency.log.last)]


# ------------------------------------------------------------------ events


def test_events_can_be_limited_and_chosen_by_model() -> None:
    with live_server(two_toys()) as server:
        for name in ("toy", "org/toy/small"):
            assert chat(server.url, name)[0] == 200
        assert decisions(server.url, "?limit=1") == [("loaded", "org/toy/small")]
        assert decisions(server.url, "?limit=0") == []
        assert decisions(server.url, "?model=toy") == [("loading", "toy"), ("loaded", "toy")]
        for wrong in ("limit=-1", "limit=x", "follow=maybe", "models=toy"):
            assert call(f"{server.url}/v1/admin/events?{wrong}", "GET")[0] == 400


def test_events_are_followed_as_they_happen() -> None:
    with live_server(two_toys(keepalive=0.2)) as server:
        assert chat(server.url, "toy")[0] == 200
        following = urllib.request.urlopen(f"{server.url}/v1/admin/events?follow=true&limit=1", timeout=SECONDS)
        with following as lines:
            assert followed(lines) == ("loaded", "toy")
            call(f"{server.url}/v1/admin/models/toy/unload")
            assert followed(lines) == ("unloaded", "toy")
            while lines.readline() != b": keepalive\n":
                pass


def followed(lines: Any) -> tuple[str, str]:
    while not (line := lines.readline()).startswith(b"data: "):
        pass
    event = json.loads(line[6:])
    return event["decision"], event["model"]


# ------------------------------------------------------------------ a server process with a file


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(condition: Any, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Served:
    """`heylookllm` over a models.yaml that a test changes. `started` counts the ready lines of its output."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.file = folder / "models.yaml"
        self.log = folder / "log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program = str(Path(sys.executable).with_name("heylookllm"))
        command = [program, "--config", str(self.file), "--port", str(self.port), *options]
        environment = {**os.environ, "HOME": str(folder)}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder)
        self.wait_until_ready(1)

    def wait_until_ready(self, times: int) -> None:
        until(lambda: self.started >= times or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()

    @property
    def started(self) -> int:
        return self.log.read_text().count(" is ready: ")

    def models(self) -> dict[str, str]:
        return {row["id"]: row["state"] for row in call(f"{self.url}/v1/admin/models", "GET")[1]["models"]}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "models.yaml").write_text(MODELS)
    server = Served(tmp_path)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait(SECONDS)


def test_reload_takes_over_what_changed_and_leaves_the_rest_alone(served: Served) -> None:
    assert chat(served.url, "same")[0] == chat(served.url, "org/changing")[0] == 200
    text = MODELS.replace("answer_tokens: 4", "answer_tokens: 2").replace("id: leaving", "id: new")
    served.file.write_text(text + "server: {max_queue: 7}\n")
    status, answer = call(f"{served.url}/v1/admin/reload")
    assert status == 200
    assert {key: answer[key] for key in ("added", "changed", "removed", "when_idle", "restart_needed")} == {
        "added": ["new"],
        "changed": ["org/changing"],
        "removed": ["leaving"],
        "when_idle": ["org/changing"],
        "restart_needed": ["server.max_queue"],
    }
    assert answer["models_available"][:3] == ["same", "org/changing", "new"]
    until(lambda: decisions(served.url)[-1] == ("loaded", "org/changing"))
    assert decisions(served.url, "?model=same") == [("loading", "same"), ("loaded", "same")]
    assert chat(served.url, "leaving")[0] == 404
    body = {"model": "org/changing", "max_tokens": 40, "messages": [{"role": "user", "content": "hello"}]}
    assert call(f"{served.url}/v1/chat/completions", "POST", body)[1]["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("memory_buget: 5\n", "line 14: memory_buget: there is no such key; did you mean `memory_budget`?"),
        ("memory_budget: 5 apples\n", "line 14: memory_budget: '5 apples' is no size;"),
        ("keep_alive: soon\n", "line 14: keep_alive: 'soon' is no duration;"),
        ("default_model: nobody\n", "line 14: default_model: The default model 'nobody' does not exist."),
        ("  - {id: x, provider: toy, config: {anwser_tokens: 2}}\n", "models[3].config.anwser_tokens"),
        ("  - {id: x, provider: toy, keep_alive: often}\n", "line 14: models[3].keep_alive: 'often' is no duration;"),
        ("models: [\n", "this is not valid YAML"),
    ],
)
def test_a_bad_file_changes_nothing_and_is_told_with_line_and_key(served: Served, wrong: str, told: str) -> None:
    assert chat(served.url, "same")[0] == 200
    before = call(f"{served.url}/v1/models", "GET")
    served.file.write_text(MODELS.replace("id: leaving", "id: renamed") + wrong)
    status, answer = call(f"{served.url}/v1/admin/reload")
    assert status == 400
    assert told in answer["error"]["message"]
    assert call(f"{served.url}/v1/models", "GET") == before
    assert served.models() == {"same": "ready"}


def test_restart_finishes_what_runs_and_comes_back_with_the_same_arguments(served: Served) -> None:
    pid = served.process.pid
    body = {"model": "same", "max_tokens": 300, "ignore_eos": True, "stream": True}
    body["messages"] = [{"role": "user", "content": "[toy:prompt=4] go on"}]
    request = urllib.request.Request(f"{served.url}/v1/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        answer.readline()
        for _ in range(2):  # asked twice, it drains all the same
            status, restarting = call(f"{served.url}/v1/admin/restart")
            assert (status, restarting["status"]) == (202, "restarting")
        assert chat(served.url, "same")[0] == 503
        assert b"[DONE]" in answer.read()
    served.wait_until_ready(2)
    assert served.process.pid == pid
    assert served.models() == {}
    assert chat(served.url, "same")[0] == 200
    assert served.stop() == 0


def test_a_server_that_was_told_to_stop_does_not_start_anew(served: Served) -> None:
    body = {"model": "same", "max_tokens": 4, "stream": True}
    body["messages"] = [{"role": "user", "content": "[toy:prompt=4] go on"}]
    request = urllib.request.Request(f"{served.url}/v1/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        answer.readline()
        served.process.send_signal(signal.SIGTERM)
        until(lambda: chat(served.url, "same")[0] == 503)
        assert call(f"{served.url}/v1/admin/restart")[0] == 503
        assert b"[DONE]" in answer.read()
    assert served.process.wait(SECONDS) == 0


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_was_to_start_anew_ends_when_it_is_told_to(served: Served, sent: signal.Signals) -> None:
    body = {"model": "same", "max_tokens": 300, "ignore_eos": True, "stream": True}
    body["messages"] = [{"role": "user", "content": "[toy:prompt=4] go on"}]
    request = urllib.request.Request(f"{served.url}/v1/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        answer.readline()
        assert call(f"{served.url}/v1/admin/restart")[0] == 202
        served.process.send_signal(sent)
        assert (b"[DONE]" in answer.read()) == (sent == signal.SIGTERM)
    assert served.process.wait(SECONDS) == 0
    assert served.started == 1


def test_models_that_the_file_names_are_loaded_and_make_a_token_at_start(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(f"default_model: same\n{MODELS}")
    server = Served(tmp_path)
    try:
        until(lambda: "model same is warm" in server.log.read_text())
        assert server.models() == {"same": "ready"}
        row = call(f"{server.url}/v1/admin/cache", "GET")[1]["caches"][0]
        assert (row["lookups"], row["entries"]) == (1, 1)
        assert call(f"{server.url}/v1/admin/requests", "GET")[1]["recent"] == []
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("fails", ["load", "error"])
def test_a_server_whose_first_model_fails_says_so_and_serves(tmp_path: Path, fails: str) -> None:
    text = MODELS.replace("config: {answer_tokens: 4}", f"config: {{fail: {fails}}}")
    (tmp_path / "models.yaml").write_text(text)
    server = Served(tmp_path, "--model-id", "org/changing")
    try:
        until(lambda: "could not be loaded" in server.log.read_text())
        assert chat(server.url, "same")[0] == 200
        assert decisions(server.url, "?model=org/changing") == [("loading", "org/changing"), ("failed", "org/changing")]
    finally:
        assert server.stop() == 0
