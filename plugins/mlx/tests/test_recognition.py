"""What folders of safetensors are, by their headers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heylook_core.catalog.facts import FactReader
from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.settings import ModelEntry
from heylook_mlx.config import MlxConfig
from heylook_mlx.known import text_types, vision_types
from heylook_mlx.profile import expected
from heylook_mlx.recognition import recognise

pytestmark = pytest.mark.unit


@pytest.fixture
def changed(llama: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a model with other values in its config.json (None takes a key away)."""

    def change(**values: Any) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(llama, folder)
        config = {**json.loads((folder / "config.json").read_bytes()), **values}
        kept = {key: value for key, value in config.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(kept))
        return folder

    return change


def test_a_model_is_told_with_its_files_and_context(llama: Path) -> None:
    found = recognise(llama)
    assert isinstance(found, Recognised)
    assert found.context == json.loads((llama / "config.json").read_bytes())["max_position_embeddings"]
    assert found.bytes == sum(file.stat().st_size for file in llama.iterdir())
    assert found.entry.tags == ("mlx", "llama", "draft")
    assert found.generates


@pytest.mark.parametrize("files", [[], ["config.json"], ["model.safetensors"], ["m.gguf"], ["config.json", "m.gguf"]])
def test_other_folders_are_somebody_elses(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    assert recognise(tmp_path) is None
    assert recognise(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"model_type": None}, "names no model_type"),
        ({"model_type": 5}, "names no model_type"),
        ({"model_type": "bert"}, "no implementation of the model type 'bert'"),
        ({"model_type": "whisper"}, "no implementation of the model type 'whisper'"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "writes no text"),
        ({"architectures": ["LlamaForCausalLMEagle3"]}, "draft head (LlamaForCausalLMEagle3)"),
        ({"medusa_num_heads": 4}, "draft head"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised by 'bitsandbytes'"),
        ({"quantization_config": {"quant_method": "exl2"}}, "quantised by 'exl2'"),
    ],
)
def test_what_mlx_lm_cannot_load_is_refused_with_the_reason(
    changed: Callable[..., Path], values: dict[str, Any], reason: str
) -> None:
    found = recognise(changed(**values))
    assert isinstance(found, Unservable)
    assert reason in found.reason


@pytest.mark.parametrize("method", ["awq", "gptq", "mxfp4"])
def test_quantisations_that_mlx_lm_reads_are_accepted(changed: Callable[..., Path], method: str) -> None:
    assert isinstance(recognise(changed(quantization_config={"quant_method": method})), Recognised)


def test_a_type_that_another_implementation_serves_is_accepted(changed: Callable[..., Path]) -> None:
    found = recognise(changed(model_type="mistral"))
    assert isinstance(found, Recognised)
    assert found.entry.tags[:2] == ("mlx", "mistral")


@pytest.mark.parametrize("config", ["{", "[]", "null", "[" * 100_000])
def test_a_configuration_of_nonsense_is_refused(tmp_path: Path, config: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text(config)
    assert isinstance(recognise(tmp_path), Unservable)


def test_files_that_are_missing_or_broken_are_named(changed: Callable[..., Path]) -> None:
    folder = changed()
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1])
    assert "is broken: it has" in str(recognise(folder))
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00002-of-00002.safetensors"}}')
    assert "lacks model-00002-of-00002.safetensors" in str(recognise(folder))
    (folder / "model.safetensors.index.json").unlink()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    assert "has no tokenizer" in str(recognise(folder))
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    assert "has no model*.safetensors" in str(recognise(folder))


def test_weights_of_pytorch_and_adapters_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert "PyTorch's (pytorch_model.bin)" in str(recognise(tmp_path))
    (tmp_path / "config.json").unlink()
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapters.safetensors").write_bytes(b"x")
    assert "LoRA adapter" in str(recognise(tmp_path))


def test_a_model_for_embeddings_is_told_apart(changed: Callable[..., Path]) -> None:
    folder = changed()
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_lasttoken": true}')
    found = recognise(folder)
    assert isinstance(found, Recognised)
    assert found.entry.tags == ("mlx", "llama", "embedding")
    assert not found.generates


def with_eyes(folder: Path) -> Path:
    """The folder with an image processor and a tensor of a vision tower."""
    header = json.dumps({"visual.w": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(2))
    (folder / "preprocessor_config.json").write_text("{}")
    return folder


def test_a_model_that_sees_is_told_apart(changed: Callable[..., Path]) -> None:
    pytest.importorskip("mlx_vlm", reason="mlx-vlm is not installed")
    found = recognise(with_eyes(changed(model_type="qwen2_vl", vision_config={})))
    assert isinstance(found, Recognised)
    assert found.entry.config["vision"] is True
    assert found.entry.tags == ("mlx", "qwen2_vl", "vision")


def test_eyes_that_cannot_be_used_are_left_out_with_a_note(
    changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heylook_mlx.recognition.vision_types", frozenset)
    found = recognise(with_eyes(changed(model_type="qwen2_vl", vision_config={})))
    assert isinstance(found, Recognised)
    assert (found.entry.config["vision"], "vision" in found.entry.tags) == (False, False)
    assert "vision is left out" in found.notes[0]


def test_the_language_half_of_a_model_that_sees_is_text_only(changed: Callable[..., Path]) -> None:
    found = recognise(changed(model_type="qwen2_vl", vision_config={}))
    assert isinstance(found, Recognised)
    assert ("vision" in found.entry.config, "vision" in found.entry.tags) == (False, False)


def test_a_model_with_marks_for_gaps_is_expected_to_fill_them(changed: Callable[..., Path]) -> None:
    folder = changed()
    config = MlxConfig(model_path=str(folder))
    facts = FactReader().facts(ModelEntry(id="m", provider="mlx", config={"model_path": str(folder)}))
    assert "fill_in_middle" not in expected(config, facts)
    (folder / "tokenizer.json").write_text('{"added_tokens": [{"content": "<PRE>"}, {"content": "<SUF>"}]}')
    assert "fill_in_middle" not in expected(config, facts)
    words = ", ".join(f'{{"content": "{mark}"}}' for mark in ("<PRE>", "<SUF>", "<MID>"))
    (folder / "tokenizer.json").write_text(f'{{"added_tokens": [{words}]}}')
    assert "fill_in_middle" in expected(config, facts)


def test_the_types_are_those_of_the_installed_mlx_lm() -> None:
    from mlx_lm.utils import MODEL_REMAPPING

    assert {"llama", "qwen3", "gemma3", *MODEL_REMAPPING} <= text_types()
    assert "bert" not in text_types()


def test_the_types_that_see_are_those_of_the_installed_mlx_vlm() -> None:
    utils = pytest.importorskip("mlx_vlm.utils", reason="mlx-vlm is not installed")
    models = Path(utils.__file__).with_name("models")
    remapped = {kind for kind, module in utils.MODEL_REMAPPING.items() if list(models.glob(f"{module}*"))}
    assert {"qwen2_vl", "gemma3", *remapped} <= vision_types()


def test_recognising_imports_no_mlx(llama: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom heylook_mlx.plugin import recognise_model\n"
        f"found = recognise_model(Path({str(llama)!r}))\n"
        "assert found.entry.provider == 'mlx'\n"
        "sys.exit(any(name.partition('.')[0] in ('mlx', 'mlx_lm', 'transformers', 'numpy') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
