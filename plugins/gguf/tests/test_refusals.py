"""Files that cannot be served: the request gets a sentence, `models check` the same one, and the server goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import ServerProcess, server_process

pytestmark = pytest.mark.integration

# What is wrong with a model, and words of the sentence that says so.
FAULTS = {
    "page": "does not begin with the four letters GGUF",
    "beheaded": "its header is damaged or cut off",
    "half": "not within the file bounds",
    "unheard": "A newer llama-cpp-python may know it",
    "missing": "There is no file at",
    "vocabulary": "has a vocabulary but no weights",
    "projector": "belongs to a model but is none itself",
    "endless": "memory are free: lower n_ctx or slots",
}


@pytest.fixture(scope="module")
def configs(tiny: Path, make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A config per fault, and one of a sound model, `sound`."""
    folder = tmp_path_factory.mktemp("faults")
    whole = tiny.read_bytes()
    (folder / "page.gguf").write_text("<html>not found</html>")
    (folder / "beheaded.gguf").write_bytes(whole[:200])
    (folder / "half.gguf").write_bytes(whole[: len(whole) // 2])
    make_model(folder / "unheard.gguf", architecture="unheard")
    make_model(folder / "vocabulary.gguf", weights=False)
    make_model(folder / "projector.gguf", architecture="clip")
    make_model(
        folder / "endless.gguf", extra=lambda writer: writer.add_uint32("llama.context_length", 1 << 24), layers=48
    )
    found: dict[str, Any] = {name: {"model_path": str(folder / f"{name}.gguf")} for name in FAULTS}
    found["endless"] |= {"n_ctx": 1 << 24, "slots": 100, "n_gpu_layers": 0}
    return {**found, "sound": {"model_path": str(tiny), "n_threads": 1}}


@pytest.fixture(scope="module")
def server(configs: dict[str, Any]) -> Iterator[ServerProcess]:
    models = tuple(ModelEntry(id=name, provider="gguf", config=config) for name, config in configs.items())
    # a budget so large that it is the provider that says what does not fit
    with server_process(Settings(models=models, memory_budget="64TB", server=ServerSettings(port=0))) as made:
        yield made


def ask(server: ServerProcess, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "a fox"}], "max_tokens": 4, "temperature": 0}
    return httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=100)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_request_is_told_why_and_the_next_one_is_answered(server: ServerProcess, fault: str) -> None:
    refused = ask(server, fault)
    assert refused.status_code == 503
    message = refused.json()["error"]["message"]
    assert FAULTS[fault] in message
    assert "Traceback" not in message
    assert ask(server, "sound").json()["usage"]["completion_tokens"] == 4


def test_models_check_tells_every_fault_without_loading(configs: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    entries = [{"id": name, "provider": "gguf", "config": config} for name, config in configs.items()]
    path.write_text(json.dumps({"models": entries}))  # JSON is YAML
    command = [str(Path(sys.executable).with_name("heylookllm")), "models", "check", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    told = {line.partition(": ")[0]: line for line in done.stdout.splitlines()}
    for fault, words in FAULTS.items():
        assert ("where there is nothing" if fault == "missing" else words) in told[fault]
    assert "sound" not in told
    assert done.returncode == 1
