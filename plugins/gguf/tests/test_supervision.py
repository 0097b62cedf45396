"""A model in a process of its own: killed, or ended by llama.cpp itself, it takes only its own requests along."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import LiveServer, live_server

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="processes do not end by signals here"),
]

# llama.cpp aborts where a token is sampled that has no logits. Our provider never does that; this one does on request.
CRASHING = """
    from heylook_gguf.library import library
    from heylook_gguf.provider import GgufProvider

    class CrashingProvider(GgufProvider):
        def load(self):
            model = super().load()
            engine = model.lanes()[0]
            insert = engine.insert

            def inserted(task):
                insert(task)
                if b"please abort" in b"".join(map(model.codec.piece, task.tokens)):
                    c = library().c
                    c.llama_sampler_sample(c.llama_sampler_init_greedy(), engine._context._context, 1 << 20)

            engine.insert = inserted
            return model
"""


@pytest.fixture
def server(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """`victim` crashes on request; `bystander` is an ordinary model in a process of its own."""
    info = tmp_path / "crashing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[heylook.providers]\ncrashing = crashing_gguf:CrashingProvider\n")
    (tmp_path / "crashing_gguf.py").write_text(textwrap.dedent(CRASHING))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    config = {"model_path": str(tiny), "n_threads": 1, "n_gpu_layers": 0, "flash_attn": False, "n_batch": 512}
    models = tuple(
        ModelEntry(id=name, provider=provider, config=config, placement="process")
        for name, provider in (("victim", "crashing"), ("bystander", "gguf"))
    )
    with live_server(Settings(models=models, server=ServerSettings(port=0))) as made:
        yield made


def ask(server: LiveServer, model: str, text: str = "a fox", **fields: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 8}
    return httpx.post(f"{server.url}/v1/chat/completions", json={**body, **fields}, timeout=100)


def content(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


def pid_of(server: LiveServer, model: str) -> int:
    resident: Any = server.call(lambda: server.server.serving.residency.resident(model))
    return int(resident.channel.pid)


def wait_until_live(server: LiveServer, model: str, count: int) -> None:
    """Until so many requests run on the model."""
    for _ in range(2000):
        found = httpx.get(f"{server.url}/v1/admin/models", timeout=100).json()["models"]
        if any(state["id"] == model and state["in_flight"] >= count for state in found):
            return
    pytest.fail(f"{model} never had {count} requests")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", ["kill -9", "an abort inside llama.cpp"])
def test_only_the_requests_of_the_process_that_ends_fail(server: LiveServer, how: str) -> None:
    before = content(ask(server, "victim"))
    bystander, victim = content(ask(server, "bystander")), pid_of(server, "victim")
    with ThreadPoolExecutor(8) as pool:
        lost: list[Future[httpx.Response]] = [
            pool.submit(ask, server, "victim", f"{number} foxes", max_tokens=1500, ignore_eos=True)
            for number in range(3)
        ]
        kept = pool.submit(ask, server, "bystander", max_tokens=400, ignore_eos=True)
        wait_until_live(server, "victim", 3)
        if how == "kill -9":
            os.kill(victim, signal.SIGKILL)
        else:
            lost.append(pool.submit(ask, server, "victim", "please abort now"))
        answers = [waiting.result() for waiting in lost]
        assert len(content(kept.result())) > 100
    for answer in answers:
        assert answer.status_code >= 500
        assert "worker process ended unexpectedly" in answer.json()["error"]["message"]
    assert not is_alive(victim)
    assert content(ask(server, "victim")) == before
    assert content(ask(server, "bystander")) == bystander
    assert pid_of(server, "victim") != victim
