"""What is told of a model without loading it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx
import pytest

import heylook_demo_model
from heylook_core.catalog.card import card
from heylook_core.catalog.facts import FactReader
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import server_process

from .conftest import Run
from .tree import BERT, LLAMA, write_gguf

PATHS = {"gguf": heylook_demo_model.gguf_path, "mlx": heylook_demo_model.mlx_path}


def demo(provider: str) -> ModelEntry:
    return ModelEntry(id=provider, provider=provider, config={"model_path": str(PATHS[provider]())})


@pytest.mark.integration
def test_the_capabilities_that_are_expected_are_those_of_the_loaded_model() -> None:
    settings = Settings(models=tuple(demo(provider) for provider in PATHS), server=ServerSettings(port=0))
    with server_process(settings) as server:
        for provider in PATHS:
            loaded = httpx.post(f"{server.url}/v1/admin/models/{provider}/load", timeout=60)
            assert loaded.status_code == 200, loaded.text
            (told,) = (
                row["capabilities"]
                for row in httpx.get(f"{server.url}/v1/models").json()["data"]
                if row["id"] == provider
            )
            expected = card(demo(provider), FactReader().facts(demo(provider)), Plugins()).capabilities
            assert sorted(told) == sorted(expected)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    write_gguf(folder / "chat.gguf", LLAMA)
    write_gguf(folder / "vectors.gguf", BERT)
    shutil.copytree(heylook_demo_model.mlx_path(), folder / "demo")
    return folder


def write_models(folder: Path, further: str = "") -> None:
    Path("models.yaml").write_text(f"""\
models:
- id: chat
  provider: gguf
  enabled: false
  aliases: [talk]
  config: {{model_path: {folder}/chat.gguf, cache_size: 5}}
- id: demo
  provider: mlx
  tags: [mine]
  pin: true
  keep_alive: 5m
  config: {{model_path: {folder}/demo, context: 512, temperature: 0.5}}
- {{id: gone, provider: gguf, config: {{model_path: {folder}/gone.gguf}}}}
scan: [{{folder: {folder}}}]
{further}""")


def size_of_the_demo_model() -> str:
    return f"{(heylook_demo_model.mlx_path() / 'model.safetensors').stat().st_size / 1e6:.3g} MB"


def shown(run: Run, name: str) -> dict[str, object]:
    code, out, err = run("models", "show", name, "--json")
    assert code == 0, err
    found: dict[str, object] = json.loads(out)
    return found


@pytest.mark.unit
def test_a_model_is_shown_without_loading_it(run: Run, models: Path) -> None:
    write_models(models)
    found = shown(run, "demo")
    assert (found["from"], found["provider"], found["format"], found["fits"]) == (
        "models.yaml",
        "mlx",
        "safetensors",
        True,
    )
    assert (found["context"], found["context of training"]) == (512, 2048)
    assert (found["pin"], found["keep_alive"], found["tags"]) == (True, "5m", ["mine"])
    assert found["files"] == [str(models / "demo" / "model.safetensors")]
    assert found["bytes"] == (models / "demo" / "model.safetensors").stat().st_size
    assert (found["fault"], found["missing"], found["chat template"]) == (None, [], True)
    text = run("models", "show", "demo")[1]
    assert "temperature: 0.5" in text
    assert size_of_the_demo_model() in text


@pytest.mark.unit
def test_a_disabled_model_is_shown_by_its_alias_with_its_notices(run: Run, models: Path) -> None:
    write_models(models)
    found = shown(run, "talk")
    assert (found["id"], found["enabled"], found["architecture"]) == ("chat", False, "llama")
    assert "cache_size has no effect" in str(found["notices"])


@pytest.mark.unit
def test_a_model_that_is_gone_says_what_is_missing(run: Run, models: Path) -> None:
    write_models(models)
    found = shown(run, "gone")
    assert (found["missing"], found["fits"]) == (["model_path"], None)
    assert "where there is nothing" in str(found["fault"])


@pytest.mark.unit
def test_a_scanned_model_for_embeddings_is_told_as_one(run: Run, models: Path) -> None:
    write_models(models)
    found = shown(run, "vectors")
    assert (found["from"], found["capabilities"]) == ("scan", ["embed"])


@pytest.mark.unit
def test_a_name_that_nobody_has_is_an_error(run: Run, models: Path) -> None:
    write_models(models)
    code, out, err = run("models", "show", "nobody")
    assert (code, out) == (2, "")
    assert "Model 'nobody' does not exist. Available: demo, gone, vectors" in err


@pytest.mark.unit
def test_a_model_that_does_not_fit_is_a_fault_of_the_check(run: Run, models: Path) -> None:
    write_models(models, "memory_budget: 1MB\n")
    code, out, _ = run("models", "check", "--json")
    rows = {row["id"]: row for row in json.loads(out)["models"]}
    assert code == 1
    assert rows["demo"]["fits"] is False
    assert rows["demo"]["fault"].startswith("It needs about ")
    assert rows["demo"]["fault"].endswith("and models may take 1 MB (memory_budget).")
    assert rows["demo"]["estimate"]["weights"] > 1_000_000


@pytest.mark.unit
def test_the_check_says_everything_of_every_model(run: Run, models: Path) -> None:
    write_models(models)
    code, out, _ = run("models", "check")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 1
    assert size_of_the_demo_model() in lines["demo"]
    assert "fits: " in lines["demo"]
    assert "chat, completion" in lines["demo"]
    assert lines["gone"].split()[1] == "missing"
    assert "chat" not in lines
