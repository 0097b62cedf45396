"""Exports are found by import, and doctor tells of the library."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heylook_core.catalog.asking import recognise
from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.catalog.scan import Scanner
from heylook_core.config import Environment
from heylook_core.plugins import Plugins
from heylook_onnx_stt.plugin import diagnose

pytestmark = pytest.mark.unit


def plugins() -> Plugins:
    found = Plugins()
    found.load_hooks()
    return found


def test_an_export_is_found_with_all_its_files(model: Path):
    found = recognise(model, plugins())
    assert isinstance(found, Recognised)
    assert (found.entry.id, found.entry.provider) == ("tunes", "onnx_stt")
    assert found.entry.config == {"model_path": str(model)}
    assert not found.generates
    assert {file.name for file in found.files} == {
        "encoder-model.int8.onnx",
        "decoder_joint-model.int8.onnx",
        "vocab.txt",
        "config.json",
    }


def test_scanning_a_folder_gives_one_model_and_skips_what_is_broken(model: Path, tmp_path: Path):
    shutil.copytree(model, tmp_path / "good")
    shutil.copytree(model, tmp_path / "bad", ignore=shutil.ignore_patterns("vocab.txt"))
    found = Scanner(plugins(), Environment(None, (), None)).folder(tmp_path)
    assert [one.entry.id for one in found.models] == ["good"]
    [skipped] = [one for one in found.skipped if one.path == tmp_path / "bad"]
    assert "has no vocab.txt" in skipped.reason


def test_other_folders_are_none(tmp_path: Path):
    assert recognise(tmp_path, plugins()) is None
    (tmp_path / "model.onnx").write_bytes(b"")
    assert recognise(tmp_path, plugins()) is None


def test_an_export_of_another_kind_is_told(model: Path, tmp_path: Path):
    shutil.copytree(model, tmp_path / "other")
    (tmp_path / "other" / "config.json").write_text('{"model_type": "nemo-conformer-rnnt"}')
    found = recognise(tmp_path / "other", plugins())
    assert isinstance(found, Unservable)
    assert "nemo-conformer-rnnt" in found.reason


def test_doctor_tells_the_version():
    [(subject, state, said)] = diagnose()
    assert (subject, state) == ("onnxruntime", "ok")
    assert "CPUExecutionProvider" in said


def test_without_onnxruntime_doctor_and_loading_say_what_to_install(monkeypatch: pytest.MonkeyPatch, model: Path):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else there(name))
    [(_, state, said)] = diagnose()
    assert state == "error"
    assert "pip install onnxruntime" in said


def test_the_plugin_and_the_provider_import_nothing_heavy():
    code = (
        "import sys, heylook_onnx_stt.plugin, heylook_onnx_stt.provider, heylook_onnx_stt.recognition; "
        "assert 'onnxruntime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
