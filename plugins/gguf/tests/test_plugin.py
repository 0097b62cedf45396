"""The hooks: recognising files, and what doctor says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heylook_gguf.plugin import diagnose, recognise_model

pytestmark = pytest.mark.unit


def test_a_model_file_is_recognised(tiny: Path) -> None:
    entry = recognise_model(tiny)
    assert entry is not None
    assert (entry.id, entry.provider, entry.config) == ("tiny", "gguf", {"model_path": str(tiny)})


def test_the_first_part_stands_for_a_split_model(tiny: Path, tmp_path: Path) -> None:
    for part in (1, 2):
        (tmp_path / f"big-0000{part}-of-00002.gguf").write_bytes(tiny.read_bytes())
    entry = recognise_model(tmp_path / "big-00001-of-00002.gguf")
    assert entry is not None
    assert entry.id == "big"
    assert recognise_model(tmp_path / "big-00002-of-00002.gguf") is None


@pytest.mark.parametrize("name", ["mmproj-model-f16.gguf", "MTP-model.gguf", "model.safetensors"])
def test_files_beside_a_model_are_not_models(tiny: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(tiny.read_bytes())
    assert recognise_model(path) is None


def test_projectors_adapters_vocabularies_and_damaged_files_are_not_models(
    make_model: Callable[..., Path], tmp_path: Path
) -> None:
    adapter = make_model(tmp_path / "lora.gguf", extra=lambda writer: writer.add_string("general.type", "adapter"))
    projector = make_model(tmp_path / "vision.gguf", architecture="clip")
    words = make_model(tmp_path / "words.gguf", weights=False)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF\3\0\0\0")
    for path in (adapter, projector, words, damaged, tmp_path, tmp_path / "none.gguf"):
        assert recognise_model(path) is None


def test_doctor_is_told_the_version_and_how_it_was_built() -> None:
    rows = diagnose()
    assert [level for _, level, _ in rows] in (["ok", "ok"], ["ok", "warning"])
    assert "llama-cpp-python" in rows[0][2]
    assert "CPU" in rows[0][2] or "Metal" in rows[0][2] or "CUDA" in rows[0][2]


@pytest.mark.parametrize(("given", "used"), [(None, "1000"), ("7", "7")])
def test_threads_that_wait_for_each_other_do_not_spin_for_long(
    given: str | None, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    if given is not None:
        monkeypatch.setenv("GOMP_SPINCOUNT", given)
    code = "import os; from heylook_gguf.library import library; library(); print(os.environ['GOMP_SPINCOUNT'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == used
