"""How a server process ends, and what it weighs."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import httpx
import pytest

from heylook_core.testkit.server import ServerProcess, server_process, toy_settings

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
BODY = {"model": "toy", "messages": [{"role": "user", "content": "x"}]}
LIMIT_SECONDS = 5.0


class Request(threading.Thread):
    """A request that runs beside the test."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.answer: httpx.Response | None = None
        self.start()

    def run(self) -> None:
        self.answer = httpx.post(self.url + CHAT, json=BODY, timeout=60)

    def result(self) -> httpx.Response:
        self.join(60)
        if self.answer is None:
            raise TimeoutError("The request got no answer.")
        return self.answer


def wait_for(server: ServerProcess, state: str) -> None:
    """Until the toy model is in `state` with a request in flight."""
    while not any(m["state"] == state and m["in_flight"] for m in health(server)["models"]):
        time.sleep(0.02)


def health(server: ServerProcess) -> Any:
    return httpx.get(f"{server.url}/health").json()


def test_interrupt_ends_an_idle_server_with_code_0():
    with server_process() as server:
        started = time.monotonic()
        server.signal(signal.SIGINT)
        assert server.exit_code() == 0
        assert time.monotonic() - started < LIMIT_SECONDS


def test_interrupt_during_a_load_ends_with_code_0():
    with server_process(toy_settings(load_delay=300.0)) as server:
        Request(server.url)
        wait_for(server, "loading")
        started = time.monotonic()
        server.signal(signal.SIGINT)
        assert server.exit_code() == 0
        assert time.monotonic() - started < LIMIT_SECONDS


def test_interrupt_fails_what_runs_and_tells_it():
    with server_process(toy_settings(step_delay=0.05, answer_tokens=5000)) as server:
        request = Request(server.url)
        wait_for(server, "ready")
        server.signal(signal.SIGINT)
        assert server.exit_code() == 0
        assert request.result().status_code == 503


def test_terminate_lets_running_requests_end_and_refuses_new_ones():
    with server_process(toy_settings(step_delay=0.05, answer_tokens=40, server={"drain_timeout": 60.0})) as server:
        request = Request(server.url)
        wait_for(server, "ready")
        server.signal(signal.SIGTERM)
        while health(server)["status"] != "stopping":
            time.sleep(0.02)
        refused = httpx.post(server.url + CHAT, json=BODY)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert request.result().status_code == 200
        assert server.exit_code() == 0


def test_second_signal_does_not_wait_for_the_drain():
    with server_process(toy_settings(step_delay=0.05, answer_tokens=5000, server={"drain_timeout": 600.0})) as server:
        Request(server.url)
        wait_for(server, "ready")
        server.signal(signal.SIGTERM)
        while health(server)["status"] != "stopping":
            time.sleep(0.02)
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
        assert time.monotonic() - started < LIMIT_SECONDS


def test_hanging_engine_does_not_keep_the_process_alive():
    with server_process(toy_settings()) as server:
        body = {"model": "toy", "messages": [{"role": "user", "content": "[toy:hang]"}]}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url + CHAT, json=body, timeout=1.0)
        server.signal(signal.SIGINT)
        assert server.exit_code() == 0
