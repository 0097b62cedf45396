"""Pulls while serving: the admin route with its stream, and /api/pull of the Ollama dialect."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from heylook_core.plugins import Plugins
from heylook_core.settings import Settings
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

from .conftest import TOY
from .hub import StandIn

pytestmark = pytest.mark.integration

ROUTE = "/v1/admin/models/pull"
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 4}


@pytest.fixture
def server(tmp_path: Path, plugins: Plugins, hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    monkeypatch.setattr("heylook_core.catalog.transfer.PAUSE_SECONDS", 0.01)
    with live_server(toy_settings(server={"keepalive": 0.05}), plugins, tmp_path) as running:
        yield running


@pytest.fixture
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


def test_a_pulled_model_can_be_asked_for_at_once(http):
    found = events(http.post(ROUTE, json={"model": "acme/one"}))
    assert (found[0]["stage"], found[-1]["stage"], found[-1]["model"]) == ("listed", "done", "acme/one")
    last = [event for event in found if event["stage"] == "fetching"][-1]
    assert last["done"] == last["total"] == last["all_done"] == last["all_total"] == len(TOY)
    assert "acme/one" in [model["id"] for model in http.get("/v1/models").json()["data"]]
    assert http.post("/v1/chat/completions", json={"model": "acme/one", **CHAT}).status_code == 200
    assert events(http.post(ROUTE, json={"model": "acme/one"}))[-1]["stage"] == "done"


@pytest.mark.parametrize(
    ("name", "status"), [("acme/none", 404), ("llama", 400), ("acme/secret", 403), ("acme/many", 503)]
)
def test_what_cannot_be_pulled_is_answered_with_a_status(http, hub, name, status):
    hub.repositories["acme/secret"] = {}
    hub.private = {"acme/secret"}
    answer = http.post(ROUTE, json={"model": name})
    assert answer.status_code == status
    assert answer.json()["error"]["message"].endswith(".")


def test_an_error_in_the_middle_is_the_last_event(http, hub):
    hub.damaged = {"one-Q4_K_M.gguf"}
    answer = http.post(ROUTE, json={"model": "acme/one"})
    assert "event: error\n" in answer.text
    assert "arrived damaged" in events(answer)[-1]["error"]["message"]


def test_only_administrators_may_pull(tmp_path, plugins, hub):
    with live_server(toy_settings(server={"admin_tokens": ("key",)}), plugins, tmp_path) as server:
        assert httpx.post(server.url + ROUTE, json={"model": "acme/one"}).status_code == 403
    assert hub.requests == []


def test_a_server_without_a_folder_names_the_setting(plugins, hub):
    with live_server(toy_settings(), plugins) as server:
        answer = httpx.post(server.url + ROUTE, json={"model": "acme/one"})
        assert (answer.status_code, "set models_dir" in answer.text) == (503, True)


@pytest.mark.parametrize(("path", "sign"), [(ROUTE, b": keepalive\n\n"), ("/api/pull", b" ")])
def test_a_client_that_leaves_ends_the_transfer_and_others_are_served_meanwhile(http, hub, path, sign):
    hub.held = threading.Event()
    with http.stream("POST", path, json={"model": "acme/one"}) as answer:
        pieces = answer.iter_raw()
        while not next(pieces).endswith(sign):
            pass
        assert hub.reached.wait(30)
        assert http.get("/v1/models").status_code == 200
    assert hub.broken.wait(30)
    assert "acme/one" not in http.get("/v1/models").text


def test_the_ollama_client_pulls_with_progress_and_finds_the_model_by_the_name_it_used(server, hub):
    hub.cut = {"many-Q4_K_M.gguf": [100_000]}
    with ollama.Client(server.url) as client:
        lines = list(client.pull("hf.co/acme/many:Q4_K_M", stream=True))
        statuses = [line.status for line in lines]
        assert statuses[0] == "pulling manifest"
        assert statuses[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
        [*_, last] = [line for line in lines if line.digest]
        assert (last.completed, last.total, last.digest[:7]) == (len(TOY), len(TOY), "sha256:")
        assert last.status == f"pulling {last.digest[7:19]}"
        names = [model.model for model in client.list().models]
        assert {"hf.co/acme/many:Q4_K_M", "acme/many:many-Q4_K_M"} <= set(names)
        chat = client.chat("hf.co/acme/many:Q4_K_M", [{"role": "user", "content": "x"}], options={"num_predict": 4})
        assert chat.done


def test_pull_without_a_stream_is_one_success(http):
    assert http.post("/api/pull", json={"model": "acme/folder:latest", "stream": False}).json() == {"status": "success"}
    assert http.post("/api/show", json={"model": "acme/folder"}).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
def test_errors_of_pulls_are_ollamas(server, hub, stream):
    with ollama.Client(server.url) as client:
        with pytest.raises(ollama.ResponseError, match="There is no acme/none") as missing:
            list(client.pull("acme/none", stream=stream))
        assert missing.value.status_code == 404
        hub.damaged = {"one-Q4_K_M.gguf"}
        with pytest.raises(ollama.ResponseError, match="arrived damaged"):
            list(client.pull("acme/one", stream=stream))


def test_pulls_of_ollama_clients_can_be_switched_off(tmp_path, plugins, hub):
    base = toy_settings()
    settings = Settings(models=base.models, server=base.server, dialects={"ollama": {"pull": False}})
    with live_server(settings, plugins, tmp_path) as server:
        answer = httpx.post(f"{server.url}/api/pull", json={"model": "acme/one"})
        assert (answer.status_code, "pulls are off" in answer.text) == (501, True)
    assert hub.requests == []
