"""What the plugin tells the rest of heylook."""

from __future__ import annotations

import subprocess
import sys

import pytest

from heylook_mlx import plugin

pytestmark = pytest.mark.unit


def test_a_model_folder_is_recognised(llama):
    entry = plugin.recognise_model(llama)
    assert (entry.provider, entry.id, entry.config) == ("mlx", "llama", {"model_path": str(llama)})


@pytest.mark.parametrize("files", [[], ["config.json"], ["model.safetensors"], ["m.gguf"]])
def test_other_folders_are_not(tmp_path, files):
    for name in files:
        (tmp_path / name).write_text("{}")
    assert plugin.recognise_model(tmp_path) is None
    assert plugin.recognise_model(tmp_path / "nothing") is None


@pytest.mark.parametrize("config", ["{", "[]", "{}"])
def test_a_configuration_of_nonsense_is_not_a_model(tmp_path, config):
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text(config)
    assert plugin.recognise_model(tmp_path) is None


def test_doctor_names_version_and_device():
    subject, state, sentence = plugin.diagnose()[0]
    assert (subject, state) == ("MLX", "ok")
    assert "mlx-lm 0.32" in sentence
    assert "Metal" in sentence or "CPU" in sentence


def test_doctor_says_what_to_install_where_mlx_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ((_, state, sentence),) = plugin.diagnose()
    assert state == "error"
    assert "pip install heylook-mlx" in sentence


def test_neither_plugin_nor_provider_imports_mlx():
    heavy = ("mlx", "mlx_lm", "transformers", "numpy", "llguidance")
    code = f"import sys, heylook_mlx.plugin, heylook_mlx.provider; sys.exit(any(n in sys.modules for n in {heavy}))"
    path = [entry for entry in sys.path if entry]
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"], timeout=60)
    assert done.returncode == 0
