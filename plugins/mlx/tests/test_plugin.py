"""What the plugin tells the rest of heylook."""

from __future__ import annotations

import subprocess
import sys

import pytest

from heylook_mlx import plugin

pytestmark = pytest.mark.unit


def test_a_model_folder_is_recognised(llama):
    found = plugin.recognise_model(llama)
    assert (found.entry.provider, found.entry.id, found.entry.config) == ("mlx", "llama", {"model_path": str(llama)})


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
