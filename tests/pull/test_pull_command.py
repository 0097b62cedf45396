"""`heylookllm pull`, with the GGUF plugin and the demo model as what the hub holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heylook_core.cli import main
from heylook_core.config import Configuration, environment, load_settings, models_folder

from .hub import StandIn

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HEYLOOK_CONFIG", raising=False)


@pytest.fixture
def demo(hub: StandIn) -> bytes:
    demo_model = pytest.importorskip("heylook_demo_model")
    pytest.importorskip("heylook_gguf")
    data: bytes = demo_model.gguf_path().read_bytes()
    hub.repositories["acme/demo"] = {"demo.gguf": data}
    return data


def test_a_real_model_is_pulled_and_listed(demo: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "acme/demo"]) == 0
    file = tmp_path / ".cache/heylook/models/acme--demo/demo.gguf"
    assert file.read_bytes() == demo
    assert capsys.readouterr().out == f"acme/demo is at {file}\nServe it with: heylookllm --model-id acme/demo\n"
    assert main(["models", "--json"]) == 0
    assert '"source": "pulled"' in capsys.readouterr().out
    assert main(["models", "check"]) == 0


def test_a_terminal_shows_how_far_it_is_and_a_pipe_nothing(
    demo: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "acme/demo"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich a terminal
    monkeypatch.setenv("COLUMNS", "120")
    Path(".cache/heylook/models/acme--demo/demo.gguf").unlink()
    assert main(["pull", "acme/demo"]) == 0
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().err)
    megabytes = f"{len(demo) / 1e6:.1f}"
    assert re.search(rf"demo\.gguf .*{megabytes}/{megabytes} MB", shown)


def test_the_folder_of_models_yaml_is_used(demo: bytes, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/models.yaml").write_text("models_dir: ./pulled\n")
    assert main(["pull", "--config", str(tmp_path / "etc/models.yaml"), "acme/demo"]) == 0
    assert (tmp_path / "etc/pulled/acme--demo/demo.gguf").is_file()


def test_an_error_is_a_sentence(hub: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "acme/none"]) == 2
    assert capsys.readouterr().err.startswith("Error: There is no acme/none on the hub at ")
    assert main(["pull", "llama"]) == 2
    assert "is called ORG/NAME" in capsys.readouterr().err


def test_the_address_of_the_hub_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.local/")
    assert environment().hub == "http://hub.local"
    monkeypatch.delenv("HF_ENDPOINT")
    assert environment().hub is None


def test_the_folder_of_models_is_in_the_home_of_the_user(tmp_path: Path) -> None:
    configuration: Configuration = load_settings()
    assert models_folder(configuration) == tmp_path / ".cache/heylook/models"
