"""Model folders that are not what they should be, and fingerprints."""

from __future__ import annotations

import json
import shutil

import pytest

from heylook_core.errors import LoadFailed
from heylook_mlx.weights import fingerprint, model_folder, tensor_offsets

pytestmark = pytest.mark.unit


@pytest.fixture
def copy(llama, tmp_path):
    return shutil.copytree(llama, tmp_path / "copy")


def test_a_hub_id_is_never_downloaded():
    with pytest.raises(LoadFailed, match="heylookllm pull mlx-community/some-model-4bit"):
        model_folder("mlx-community/some-model-4bit")


def test_a_missing_folder_is_named():
    with pytest.raises(LoadFailed, match=r"/no/such/folder does not exist; correct model_path"):
        model_folder("/no/such/folder")


def test_a_gguf_file_belongs_to_another_provider(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(LoadFailed, match="provider: gguf"):
        model_folder(str(tmp_path / "m.gguf"))


def test_a_folder_without_config_or_weights_is_refused(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(LoadFailed, match=r"no model\*.safetensors"):
        model_folder(str(copy))
    (copy / "config.json").unlink()
    with pytest.raises(LoadFailed, match=r"no config.json"):
        model_folder(str(copy))


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_cut_weights_are_found_before_loading(copy, keep):
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(LoadFailed, match=r"model.safetensors is broken.*Download it again"):
        model_folder(str(copy))


@pytest.mark.parametrize("header", [b"not json", b"[]", b'{"a": {}}', b'{"a": 1}'])
def test_a_header_of_nonsense_is_refused(copy, header):
    (copy / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(LoadFailed, match="not that of a safetensors file"):
        model_folder(str(copy))


def test_a_missing_shard_is_named(copy):
    shards = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(shards))
    with pytest.raises(LoadFailed, match=r"lacks model-00002-of-00002.safetensors"):
        model_folder(str(copy))


def test_a_copy_of_a_model_has_the_same_fingerprint(llama, copy):
    assert fingerprint(copy, None, {}) == fingerprint(llama, None, {})


def test_other_weights_of_the_same_shape_have_another_fingerprint(llama, other_llama):
    assert (llama / "config.json").read_bytes() == (other_llama / "config.json").read_bytes()
    assert fingerprint(llama, None, {}) != fingerprint(other_llama, None, {})


def test_settings_change_the_fingerprint(llama):
    assert fingerprint(llama, None, {"dtype": "auto"}) != fingerprint(llama, None, {"dtype": "float16"})


@pytest.mark.parametrize("which", [0, 3, -1])
def test_one_changed_tensor_changes_the_fingerprint(llama, copy, which):
    file = copy / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[sorted(tensor_offsets(file))[which]] ^= 1
    file.write_bytes(bytes(data))
    assert fingerprint(llama, None, {}) != fingerprint(copy, None, {})
