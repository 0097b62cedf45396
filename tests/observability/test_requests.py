"""/v1/admin/requests, /health, /ready and /v1/capabilities."""

from __future__ import annotations

import threading
import time

import httpx
import msgspec
import openai
import pytest

from heylook_core.request_log import MOST
from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LiveServer, live_server, server_process, toy_settings

pytestmark = pytest.mark.integration


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture
def endless(seen):
    """A request that is being answered, by its id; ended in the end."""
    errors = []

    def ask():
        client = openai.OpenAI(base_url=f"{seen.server.url}/v1", api_key="x", max_retries=0)
        try:
            stream = client.chat.completions.create(
                model="slow",
                messages=[{"role": "user", "content": "x"}],
                max_tokens=2000,
                stream=True,
                extra_headers={"x-request-id": "endless-1"},
            )
            for _ in stream:
                pass
        except openai.APIError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    yield errors
    seen.http.delete("/v1/admin/requests/endless-1")
    thread.join()


def listed(seen):
    return seen.http.get("/v1/admin/requests").json()


def test_a_running_request_is_listed_and_can_be_cancelled_and_its_client_is_told(seen, endless):
    [live] = wait_for(lambda: [one for one in listed(seen)["running"] if one["phase"] == "answering"])
    assert (live["id"], live["model"], live["dialect"], live["streamed"]) == ("endless-1", "slow", "openai", True)
    assert live["prompt_tokens"] > 0
    [record] = seen.new(lambda: seen.http.delete("/v1/admin/requests/endless-1").json() == {"id": "x"})
    assert (record.request_id, record.outcome, record.status) == ("endless-1", "cancelled", 499)
    wait_for(lambda: endless)
    assert "cancelled" in str(endless[0])
    assert listed(seen)["running"] == []


def test_an_answer_says_how_many_were_cancelled_and_404_where_there_is_none(seen, endless):
    wait_for(lambda: listed(seen)["running"])
    assert seen.http.delete("/v1/admin/requests/endless-1").json() == {"id": "endless-1", "cancelled": 1}
    wait_for(lambda: not listed(seen)["running"])
    again = seen.http.delete("/v1/admin/requests/endless-1")
    assert (again.status_code, again.json()["error"]["kind"]) == (404, "not_found")


def test_the_last_ones_are_listed_newest_first_and_are_bounded(seen):
    seen.new(lambda: [seen.chat(model="none") for _ in range(MOST + 5)], MOST + 5)
    seen.new(lambda: seen.chat(max_tokens=3))
    recent = listed(seen)["recent"]
    assert len(recent) == MOST
    assert (recent[0]["outcome"], recent[0]["completion_tokens"]) == ("ok", 3)
    assert recent[1]["error"] == "model_not_found"


def test_a_request_that_waits_is_listed_as_queued(served):
    with served() as seen:
        threads = [threading.Thread(target=lambda: seen.chat("x", model="slow", max_tokens=60)) for _ in range(10)]
        for thread in threads:
            thread.start()
        found = wait_for(lambda: (answer := listed(seen)) and answer["queued"] and answer["running"] and answer)
        assert {one["phase"] for one in found["queued"]} <= {"queued", "loading"}
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_only_administrators_see_and_end_requests(served, method):
    path = "/v1/admin/requests" + ("/x" if method == "DELETE" else "")
    with served(admin_tokens=("secret",)) as seen:
        assert seen.http.request(method, path).status_code == 403
        assert seen.http.request(method, path, headers={"x-admin-token": "secret"}).status_code in (200, 404)
    with served() as seen:
        assert seen.http.request(method, path, headers={"origin": "http://localhost:1"}).status_code == 403


@pytest.mark.parametrize("path", ["/metrics", "/v1/performance", "/v1/performance/profile/1h", "/v1/capabilities"])
def test_figures_need_the_api_key_where_there_is_one(served, path):
    with served(api_keys=("k",)) as seen:
        assert seen.http.get(path).status_code == 401
        assert seen.http.get(path, headers={"authorization": "Bearer k"}).status_code == 200


def test_health_asks_the_workers_and_needs_no_key(served):
    with served(api_keys=("k",)) as seen:
        assert seen.http.get("/health").json() == {"status": "ok", "models": []}
        body = {"model": "toy", "max_tokens": 2, "messages": [{"role": "user", "content": "x"}]}
        seen.http.post("/v1/chat/completions", json=body, headers={"x-api-key": "k"})
        [model] = seen.http.get("/health").json()["models"]
        assert (model["id"], model["state"], model["answers"]) == ("toy", "ready", True)
        assert seen.http.head("/ready").status_code == 200


def test_a_worker_in_a_long_step_does_not_answer_and_one_that_hangs_is_unhealthy():
    settings = toy_settings(server={"hang_timeout": 2.0})
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        body = {"model": "toy", "messages": [{"role": "user", "content": "[toy:hang]"}]}
        thread = threading.Thread(target=lambda: http.post("/v1/chat/completions", json=body))
        thread.start()
        silent = wait_for(lambda: [m for m in http.get("/health").json()["models"] if m["answers"] is False])
        assert silent[0]["state"] == "ready"
        for path in ("/health", "/ready"):
            assert wait_for(lambda path=path: http.get(path).status_code == 503)
        assert http.get("/ready").json()["status"] == "degraded"
        thread.join()


def test_ready_waits_for_the_model_that_was_named_at_start(tmp_path):
    gate = tmp_path / "gate"
    with server_process(toy_settings(load_gate=str(gate)), preload="toy") as server:
        loading = httpx.get(f"{server.url}/ready", trust_env=False)
        assert (loading.status_code, loading.json()["status"]) == (503, "loading")
        assert httpx.get(f"{server.url}/health", trust_env=False).status_code == 200
        gate.touch()
        wait_for(lambda: httpx.get(f"{server.url}/ready", trust_env=False).status_code == 200)


def test_capabilities_are_those_of_plugins_models_and_limits(served):
    with served(max_queue=5, max_body_bytes=3 << 20) as seen:
        before = seen.http.get("/v1/capabilities").json()
        assert (before["models"], before["limits"]["max_tokens"]) == ([], None)
        seen.chat(max_tokens=1)
        found = seen.http.get("/v1/capabilities").json()
    [model] = found["models"]
    assert (model["id"], "chat" in model["capabilities"]) == ("toy", True)
    assert found["limits"]["max_tokens"] == model["context"] == 8192
    assert found["limits"]["max_request_size_mb"] == 3.0
    assert found["recommendations"]["batch_size"] == {"optimal": 8, "max": 13}
    assert {"toy", "scripted"} <= set(found["plugins"]["providers"])
    assert found["endpoints"]["batch_processing"]["available"] is True
    assert found["features"]["vision_models"] == []
    assert set(found) >= {
        "server_version",
        "optimizations",
        "metal",
        "endpoints",
        "features",
        "recommendations",
        "limits",
    }


def test_the_ollama_api_alone_offers_no_batches():
    settings = toy_settings(server={"api": "ollama"})
    with live_server(settings) as server:
        found = httpx.get(f"{server.url}/v1/capabilities", trust_env=False).json()
    assert found["endpoints"]["batch_processing"]["available"] is False


def test_a_model_with_vision_is_named_once_it_is_in_memory():
    entry = ModelEntry(id="sees", provider="toy", config={"vision": True}, placement="thread")
    settings = msgspec.structs.replace(toy_settings(), models=(entry,), default_model="sees")
    server: LiveServer
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}], "max_tokens": 1})
        assert http.get("/v1/capabilities").json()["features"]["vision_models"] == ["sees"]
