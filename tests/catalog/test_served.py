"""A server on what was imported, and on folders that it scans: the demo model answers from where it lies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

import heylook_demo_model
from heylook_core.config import load_settings
from heylook_core.settings import ServerSettings, Settings
from heylook_core.testkit.server import server_process
from heylook_demo_model.prompts import proven

from .conftest import Run
from .tree import grow, put_in_ollama

pytestmark = pytest.mark.integration

PROMPT = proven("fact")[0]
LIBRARY = "registry.ollama.ai/library"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that has grown, with the demo model in it three times."""
    folder = tmp_path / "models"
    grow(folder)
    shutil.copytree(heylook_demo_model.mlx_path(), folder / "demo-mlx")
    shutil.copy(heylook_demo_model.gguf_path(), folder / "demo.gguf")
    blob = heylook_demo_model.gguf_path().read_bytes()
    put_in_ollama(tmp_path / "ollama", f"{LIBRARY}/demo/tiny", {"model": blob, "params": b'{"temperature": 0}'})
    return folder


def asked(url: str, model: str) -> str:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        answer = client.chat.completions.create(model=model, messages=PROMPT.messages, temperature=0)  # type: ignore[arg-type]
        return answer.choices[0].message.content or ""


@pytest.fixture
def imported(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("OLLAMA_MODELS", str(root.parent / "ollama"))
    code, _, err = run("import", "--folder", str(root), "--ollama", "--output", "models.yaml")
    assert code == 0, err
    return load_settings(Path("models.yaml")).settings


def test_what_was_imported_answers(imported: Settings) -> None:
    settings = Settings(models=imported.models, server=ServerSettings(port=0))
    with server_process(settings) as server:
        listed = {model["id"] for model in httpx.get(f"{server.url}/v1/models").json()["data"]}
        assert {entry.id for entry in imported.models} <= listed
        assert {"demo", "demo-mlx", "demo:tiny"} <= listed
        for model in ("demo", "demo-mlx", "demo:tiny"):
            assert asked(server.url, model) == PROMPT.answer


class Command:
    """`heylookllm` as a user starts it, with the models.yaml of the working directory; `url` is its address."""

    def __init__(self) -> None:
        command = [str(Path(sys.executable).with_name("heylookllm")), "--port", "0"]
        environment = {**os.environ, "MLX_DISABLE_COMPILE": "1", "HEYLOOK_ADMIN_TOKEN": ""}
        self.process = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.printed = ""
        for line in self.process.stdout or ():
            self.printed += line
            if "is ready: " in line:
                self.url = line.partition("is ready: ")[2].split()[0]
                return
        raise RuntimeError(self.printed)

    def models(self) -> set[str]:
        return {model["id"] for model in httpx.get(f"{self.url}/v1/models").json()["data"]}

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.printed += self.process.communicate(timeout=30)[0]
        finally:
            self.process.kill()
        assert self.process.returncode == 0, self.printed


@pytest.fixture
def scanning(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """A server that looks for its models itself, in the folder with the profile `memory`."""
    monkeypatch.setenv("OLLAMA_MODELS", str(root.parent / "ollama"))
    Path("models.yaml").write_text(f"scan:\n- {{folder: {root}, profile: memory}}\n- {{program: ollama}}\n")
    command = Command()
    yield command
    command.close()


def test_what_was_found_answers_and_the_context_of_a_profile_is_a_limit_that_is_told(scanning: Command) -> None:
    assert {"demo", "demo-mlx", "with-head", "Llama-HF", "demo:tiny"} <= scanning.models()
    assert asked(scanning.url, "demo:tiny") == PROMPT.answer
    for model in ("demo", "demo-mlx"):
        assert asked(scanning.url, model)
        long = {"model": model, "messages": [{"role": "user", "content": "word " * 1500}]}
        refused = httpx.post(f"{scanning.url}/v1/chat/completions", json=long, timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
        assert "1024" in refused.json()["error"]["message"]


def test_a_model_that_cannot_be_loaded_is_an_error_of_its_own(scanning: Command) -> None:
    body = {"model": "with-head", "messages": [{"role": "user", "content": "Hello"}]}
    refused = httpx.post(f"{scanning.url}/v1/chat/completions", json=body, timeout=60)
    assert refused.status_code == 503
    assert "with-head" in refused.json()["error"]["message"]


def test_a_reload_finds_what_has_come_since(scanning: Command, root: Path) -> None:
    shutil.copy(heylook_demo_model.gguf_path(), root / "newcomer.gguf")
    (root / "demo.gguf").unlink()
    assert "newcomer" not in scanning.models()
    reloaded = httpx.post(f"{scanning.url}/v1/admin/reload", timeout=60)
    assert reloaded.status_code == 200, reloaded.text
    assert "newcomer" in scanning.models()
    assert "demo" not in scanning.models()
    assert asked(scanning.url, "newcomer")


def test_without_any_file_the_demo_model_is_served_with_a_note() -> None:
    command = Command()
    try:
        assert "heylook-demo" in command.models()
        assert "No models.yaml was found" in command.printed
    finally:
        command.close()
