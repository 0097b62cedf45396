"""What the files of a model tell, read without a backend."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from heylook_core.catalog.facts import FactReader, weight_files
from heylook_core.catalog.gguf import read_header
from heylook_core.settings import ModelEntry

pytestmark = pytest.mark.unit

UINT32, STRING, ARRAY = 4, 8, 9


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind: int, content: bytes) -> bytes:
    return struct.pack("<I", kind) + content


def texts(*values: str) -> bytes:
    return value(ARRAY, struct.pack("<IQ", STRING, len(values)) + b"".join(map(text, values)))


def gguf(shape: tuple[int, ...] = (4, 8), **further: bytes) -> bytes:
    """A header with a vocabulary, a chat template behind it, and one tensor."""
    values = {
        "general.architecture": value(STRING, text("qwen3")),
        "general.file_type": value(UINT32, struct.pack("<I", 15)),
        "qwen3.context_length": value(UINT32, struct.pack("<I", 40960)),
        "tokenizer.ggml.tokens": texts(*"abcdefgh"),
        "tokenizer.ggml.few": texts("x", "y"),
        "tokenizer.chat_template": value(STRING, text("{% if tools %}{% endif %}")),
        **further,
    }
    pairs = b"".join(text(key) + content for key, content in values.items())
    tensor = text("w") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)
    return b"GGUF" + struct.pack("<IQQ", 3, 1, len(values)) + pairs + tensor


def entry(path: Path | str, **config: Any) -> ModelEntry:
    return ModelEntry(id="m", provider="p", config={"model_path": str(path), **config})


def test_gguf_header_has_values_short_lists_and_the_number_of_weights(tmp_path: Path):
    (tmp_path / "m.gguf").write_bytes(gguf())
    header = read_header(tmp_path / "m.gguf")
    assert header.values["qwen3.context_length"] == 40960
    assert header.values["tokenizer.ggml.tokens"] == []
    assert header.values["tokenizer.ggml.few"] == ["x", "y"]
    assert (header.parameters, header.quantization) == (32, "Q4_K_M")


def test_facts_of_a_gguf_file(tmp_path: Path):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf())
    facts = FactReader().facts(entry(path))
    assert (facts.format, facts.architecture, facts.number("context_length")) == ("gguf", "qwen3", 40960)
    assert (facts.parameters, facts.quantization, facts.bytes) == (32, "Q4_K_M", path.stat().st_size)
    assert facts.template == "{% if tools %}{% endif %}"
    assert facts.number("nothing") == 0


@pytest.mark.parametrize("cut", [0, 3, 10, 40, 100, 200])
def test_damaged_file_has_few_facts_and_harms_nothing(tmp_path: Path, cut: int):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf()[:cut])
    facts = FactReader().facts(entry(path))
    assert (facts.format, facts.bytes, len(facts.digest)) == ("", cut, 64)


def test_parts_of_a_split_model_are_one_model(tmp_path: Path):
    for number in (1, 2):
        (tmp_path / f"m-0000{number}-of-00002.gguf").write_bytes(gguf((number, 8)))
    first = tmp_path / "m-00001-of-00002.gguf"
    facts = FactReader().facts(entry(first))
    assert len(weight_files(entry(first))) == 2
    assert facts.parameters == 8 + 16
    assert facts.bytes == 2 * first.stat().st_size


def folder_of(path: Path, config: dict[str, Any], tensors: dict[str, Any]) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    header = json.dumps({"__metadata__": {"format": "mlx"}, **tensors}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def test_facts_of_a_quantised_folder_count_the_packed_weights(tmp_path: Path):
    config = {"model_type": "qwen3", "quantization": {"bits": 4, "group_size": 64}, "hidden_size": 64}
    tensors = {
        "a.weight": {"dtype": "U32", "shape": [10, 8]},
        "a.scales": {"dtype": "F16", "shape": [10, 1]},
        "a.biases": {"dtype": "F16", "shape": [10, 1]},
        "norm": {"dtype": "F16", "shape": [64]},
    }
    folder = folder_of(tmp_path / "q", config, tensors)
    (folder / "chat_template.jinja").write_text("hello")
    facts = FactReader().facts(entry(folder))
    assert (facts.parameters, facts.quantization, facts.template) == (10 * 64 + 64, "4bit", "hello")
    assert facts.number("embedding_length") == 64


def test_config_of_a_model_with_eyes_is_read_from_its_text_part(tmp_path: Path):
    config = {"model_type": "qwen2_vl", "text_config": {"max_position_embeddings": 512}, "torch_dtype": "float16"}
    facts = FactReader().facts(entry(folder_of(tmp_path / "v", config, {"w": {"dtype": "F16", "shape": [2]}})))
    assert (facts.number("context_length"), facts.quantization) == (512, "F16")


def test_files_are_read_again_only_when_they_have_changed(tmp_path: Path):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf())
    reader = FactReader()
    first = reader.facts(entry(path))
    assert reader.facts(entry(path)) is first
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))
    second = reader.facts(entry(path))
    assert second is not first
    assert second.digest == first.digest
    path.write_bytes(gguf((5, 8)))
    assert reader.facts(entry(path)).digest != first.digest


def test_model_without_files_has_the_digest_of_its_entry(tmp_path: Path):
    reader = FactReader()
    one = reader.facts(entry("org/on-a-hub"))
    assert (one.bytes, one.format, len(one.digest)) == (0, "", 64)
    assert reader.facts(ModelEntry(id="n", provider="toy")).digest != one.digest
    assert reader.facts(entry(tmp_path / "gone.gguf")).bytes == 0


def test_folders_of_graphs_have_the_size_of_what_is_in_them(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "onnx").mkdir()
    for name, size in (("encoder.onnx", 100), ("encoder.onnx.data", 1000), ("vocab.txt", 7)):
        (tmp_path / "onnx" / name).write_bytes(bytes(size))
    weights = tmp_path / "coreml" / "Encoder.mlpackage" / "Data" / "weights"
    weights.mkdir(parents=True)
    (weights / "weight.bin").write_bytes(bytes(500))
    (tmp_path / "coreml" / "Encoder.mlpackage" / "Manifest.json").write_bytes(bytes(50))
    compiled = tmp_path / "coreml" / "Decoder.mlmodelc"
    compiled.mkdir()
    (compiled / "coremldata.bin").write_bytes(bytes(5))
    reader = FactReader()
    found = [reader.facts(entry(tmp_path / name)) for name in ("onnx", "coreml")]
    assert [facts.bytes for facts in found] == [1100, 555]
    assert all(facts.modified > 0 and facts.format == "" for facts in found)
    assert not caplog.records
