"""The hooks: recognising files, and what doctor says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_gguf.plugin import diagnose, recognise_model

pytestmark = pytest.mark.unit


def test_a_model_file_is_recognised(tiny: Path) -> None:
    found = recognise_model(tiny, ())
    assert isinstance(found, Recognised)
    entry = found.entry
    assert (entry.id, entry.provider, entry.config["model_path"]) == ("tiny", "gguf", str(tiny))
    assert (entry.config["n_ctx"], found.context, found.generates) == (found.context, found.context, True)
    assert (found.files, found.bytes) == ((tiny,), tiny.stat().st_size)


def test_the_first_part_stands_for_a_split_model(tiny: Path, tmp_path: Path) -> None:
    for part in (1, 2):
        (tmp_path / f"big-0000{part}-of-00002.gguf").write_bytes(tiny.read_bytes())
    first, second = (tmp_path / f"big-0000{part}-of-00002.gguf" for part in (1, 2))
    found = recognise_model(first, ())
    assert isinstance(found, Recognised)
    assert (found.entry.id, found.files, found.bytes) == ("big", (first, second), 2 * tiny.stat().st_size)
    assert recognise_model(second, ()) is None


def test_a_split_model_without_all_its_parts_is_refused(tiny: Path, tmp_path: Path) -> None:
    for part in (1, 3):
        (tmp_path / f"big-0000{part}-of-00003.gguf").write_bytes(tiny.read_bytes())
    missing = Unservable("big-00002-of-00003.gguf is missing.")
    assert recognise_model(tmp_path / "big-00001-of-00003.gguf", ()) == missing
    (tmp_path / "big-00001-of-00003.gguf").unlink()
    missing = Unservable("big-00001-of-00003.gguf is missing.")
    assert recognise_model(tmp_path / "big-00003-of-00003.gguf", ()) == missing


@pytest.mark.parametrize("name", ["mmproj-model-f16.gguf", "MTP-model.gguf", "sha256-0123"])
def test_the_header_decides_and_not_the_name(tiny: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(tiny.read_bytes())
    assert isinstance(recognise_model(path, ()), Recognised)


def test_a_file_of_another_kind_is_somebody_elses(tmp_path: Path) -> None:
    for name in ("model.safetensors", "LICENSE", "README.md"):
        (tmp_path / name).write_bytes(b"something")
        assert recognise_model(tmp_path / name, ()) is None


def test_projectors_adapters_vocabularies_and_damaged_files_are_not_models(
    make_model: Callable[..., Path], tmp_path: Path
) -> None:
    adapter = make_model(tmp_path / "lora.gguf", extra=lambda writer: writer.add_string("general.type", "adapter"))
    projector = make_model(tmp_path / "vision.gguf", architecture="clip")
    words = make_model(tmp_path / "words.gguf", weights=False)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF\3\0\0\0")
    reasons = {path: recognise_model(path, ()) for path in (adapter, projector, words, damaged)}
    assert all(isinstance(reason, Unservable) for reason in reasons.values())
    assert "LoRA adapter" in str(reasons[adapter])
    assert "projector" in str(reasons[projector])
    assert "no weights" in str(reasons[words])
    assert "damaged or cut off" in str(reasons[damaged])
    for path in (tmp_path, tmp_path / "none.gguf"):
        assert recognise_model(path, ()) is None


def test_a_projector_for_sound_gives_no_eyes(make_model: Callable[..., Path], tmp_path: Path) -> None:
    ears = make_model(
        tmp_path / "ears.gguf",
        architecture="clip",
        extra=lambda writer: writer.add_bool("clip.has_audio_encoder", True),
    )
    model = make_model(tmp_path / "model.gguf")
    assert "for sound" in str(recognise_model(ears, ()))
    found = recognise_model(model, ())
    assert isinstance(found, Recognised)
    assert ("vision" in found.entry.tags, found.files, found.notes) == (False, (model,), ())


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


ALONE = """
import sys
from heylook_gguf.library import library
c = library().c
assert not {"llama_cpp", "llama_cpp.llama", "jinja2", "numpy"} & set(sys.modules), sys.modules.keys()
import llama_cpp
assert llama_cpp.llama_cpp is c and llama_cpp.Llama
"""


def test_the_declarations_are_imported_alone_and_the_package_is_whole_for_others() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
