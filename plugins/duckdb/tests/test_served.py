"""The whole way: a server that is switched on by the variable, reports while it runs, and its end without a word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.integration

HEYLOOK = str(Path(sys.executable).with_name("heylookllm"))
MODELS = "server: {port: 0}\nmodels: [{id: toy, provider: toy, placement: thread}]\n"


@pytest.fixture
def served(store, tmp_path):
    """A server process with HEYLOOK_ANALYTICS_ENABLED, and its address."""
    (tmp_path / "models.yaml").write_text(MODELS)
    environment = {**os.environ, "HEYLOOK_ANALYTICS_ENABLED": "true", "HEYLOOK_ANALYTICS_STORAGE_LEVEL": "full"}
    process = subprocess.Popen([HEYLOOK, "serve"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    url = next(line for line in process.stdout if "is ready: " in line).partition("is ready: ")[2].split()[0]
    yield process, url
    process.kill()
    process.communicate()


def ask(url: str, text: str) -> str:
    body = {"model": "toy", "max_tokens": 5, "messages": [{"role": "user", "content": text}]}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
    return answer.headers["x-request-id"]


def overview(tmp_path: Path) -> dict:
    command = [HEYLOOK, "analytics", "report", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["overview"][0]


def test_reports_work_while_the_server_runs_and_a_killed_one_loses_no_more_than_a_second(store, served, tmp_path):
    process, url = served
    ids = [ask(url, f"question {number}") for number in range(4)]
    time.sleep(1.1)
    assert overview(tmp_path)["requests"] == 4
    ids.append(ask(url, "question 4"))
    time.sleep(1.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    rows = store.rows()
    assert [row["request_id"] for row in rows] == ids
    assert [json.loads(row["messages"])[0]["content"] for row in rows] == [f"question {number}" for number in range(5)]
    assert all(len(row["response_text"]) > 0 for row in rows)


def test_at_an_ordinary_end_everything_is_in_the_database(store, served):
    process, url = served
    ids = [ask(url, "x") for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    process.wait()
    assert [path.name for path in store.path.parent.iterdir()] == ["analytics.db"]
    assert [row["request_id"] for row in store.rows()] == ids
    assert {row["decision"] for row in store.rows("SELECT * FROM model_switches")} >= {"loading", "loaded"}
