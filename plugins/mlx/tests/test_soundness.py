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
from heylook_mlx import soundness
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
    with pytest.raises(LoadFailed, match="brings its own Python code"):
        check(copy)


def test_a_folder_that_sees_needs_the_library_for_it(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((copy / "config.json").read_bytes())
    (copy / "config.json").write_text(json.dumps({**config, "vision_config": {}}))
    (copy / "preprocessor_config.json").write_text("{}")
    header = json.dumps({"vision.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}).encode()
    (copy / "model-vision.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    monkeypatch.setattr(soundness, "find_spec", lambda name: None if name == "mlx_vlm" else object())
    with pytest.raises(LoadFailed, match="needs mlx-vlm"):
        check(copy)
    check(copy, vision=False)
    check(copy, kv_bits=8)
    monkeypatch.setattr(soundness, "find_spec", lambda name: object())
    monkeypatch.setattr(soundness, "vision_types", lambda: frozenset({"other"}))
    with pytest.raises(LoadFailed, match=r"mlx-vlm has no implementation of the model type 'llama'"):
        check(copy)


def test_an_index_may_name_files_that_only_others_read(copy: Path) -> None:
    (copy / "mtp.safetensors").write_bytes((copy / "model.safetensors").read_bytes())
    index = {"weight_map": {"a": "model.safetensors", "b": "mtp.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    check(copy)
    (copy / "mtp.safetensors").unlink()
    with pytest.raises(LoadFailed, match=r"lacks mtp\.safetensors"):
        check(copy)


def test_an_adapter_that_was_cut_short_is_found(llama: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapters.safetensors").write_bytes(b"12345")
    with pytest.raises(LoadFailed, match=r"adapters\.safetensors is broken"):
        check(llama, adapter_path=str(tmp_path))


def test_a_check_imports_no_mlx(llama: Path) -> None:
    code = (
        "import sys; from heylook_core.provider import ModelSpec; from heylook_mlx.provider import MlxProvider; "
        "MlxProvider(ModelSpec(id='m', provider='mlx'), MlxProvider.Config(model_path=sys.argv[1])).check(); "
        "print({'mlx', 'mlx_lm', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(llama)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("set()\n", "")
