"""`heylookllm models check` finds what would keep a model from loading, without MLX."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_mlx.config import MlxConfig
from heylook_mlx.provider import MlxProvider

pytestmark = pytest.mark.unit


def check(folder: Path, **settings: object) -> None:
    config = MlxConfig(model_path=str(folder), **settings)  # type: ignore[arg-type]
    MlxProvider(ModelSpec(id="m", provider="mlx"), config).check()


@pytest.fixture
def copy(llama: Path, tmp_path: Path) -> Path:
    return shutil.copytree(llama, tmp_path / "copy")


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def _loop(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.unlink()
    file.symlink_to(file)


def _martian(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "martian"}))


def _without_tokenizer(folder: Path) -> None:
    for file in folder.glob("token*"):
        file.unlink()


FAULTS: dict[str, Callable[[Path], object]] = {
    "where its header promises": _cut,
    "cannot be read .Too many levels of symbolic links": _loop,
    "the model type 'martian'": _martian,
    "has no tokenizer": _without_tokenizer,
    "is no tokenizer": lambda folder: (folder / "tokenizer.json").write_text("{}"),
    "names no model_type": lambda folder: (folder / "config.json").write_text("[1]"),
    "config.json cannot be read": lambda folder: (folder / "config.json").write_text("{"),
    "has no config.json": lambda folder: (folder / "config.json").unlink(),
    "does not exist": shutil.rmtree,
}


@pytest.mark.parametrize("told", FAULTS)
def test_a_fault_of_a_folder_is_found(copy: Path, told: str) -> None:
    check(copy)
    FAULTS[told](copy)
    with pytest.raises(LoadFailed, match=told):
        check(copy)


def test_drafts_and_adapters_are_looked_at_too(llama: Path, copy: Path) -> None:
    _cut(copy)
    with pytest.raises(LoadFailed, match="is broken"):
        check(llama, draft_model_path=str(copy))
    with pytest.raises(LoadFailed, match="adapter_path"):
        check(llama, adapter_path=str(copy))
    with pytest.raises(LoadFailed, match="no part for images"):
        check(llama, vision=True)


def test_a_gguf_file_is_told_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(LoadFailed, match="needs provider: gguf"):
        check(tmp_path / "m.gguf")


def test_a_model_that_brings_its_code_may_be_of_any_type(copy: Path) -> None:
    _martian(copy)
    config = json.loads((copy / "config.json").read_bytes())
    (copy / "config.json").write_text(json.dumps({**config, "model_file": "martian.py"}))
    check(copy, trust_remote_code=True)
    with pytest.raises(LoadFailed, match="martian"):
        check(copy)


def test_a_check_imports_no_mlx(llama: Path) -> None:
    code = (
        "import sys; from heylook_core.provider import ModelSpec; from heylook_mlx.provider import MlxProvider; "
        "MlxProvider(ModelSpec(id='m', provider='mlx'), MlxProvider.Config(model_path=sys.argv[1])).check(); "
        "print({'mlx', 'mlx_lm', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(llama)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("set()\n", "")
