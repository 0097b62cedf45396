"""What a folder has to hold: each fault is told when the model is loaded, with how to mend it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest

from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_core.spoken import Segment, TranscribeOptions
from heylook_onnx_stt.config import OnnxConfig
from heylook_onnx_stt.provider import OnnxProvider
from tools.speech_model.tunes import spoken, written
from tools.speech_model.weights import BLANK, FILTERS, PIECES

pytestmark = pytest.mark.unit

TEXT = "The quick brown fox. Hello world works."


def provider(folder: Path, **config: Any) -> OnnxProvider:
    settings = msgspec.convert({"model_path": str(folder), **config}, OnnxConfig)
    return OnnxProvider(ModelSpec(id="m", provider="onnx_stt"), settings)


def heard(folder: Path, text: str = TEXT, **config: Any) -> str:
    loaded = provider(folder, **config)
    loaded.load()
    news = list(loaded.transcribe(iter([spoken(f"{text} _0.3")]), TranscribeOptions()))
    loaded.close()
    return "".join(one.text for one in news if isinstance(one, Segment)).strip()


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """A folder with the float files, to be spoilt."""
    folder = tmp_path / "copy"
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("*.int8.onnx"))
    return folder


def fault(folder: Path, **config: Any) -> str:
    with pytest.raises(LoadFailed) as failed:
        provider(folder, **config).load()
    return failed.value.message


# ---------------------------------------------------------------------- what can be loaded


def test_either_precision_and_the_eight_bit_one_by_itself(model: Path):
    assert heard(model, precision="float") == heard(model, precision="int8") == heard(model) == written(TEXT)


def test_an_eight_bit_encoder_goes_with_a_decoder_that_is_not(model: Path, copy: Path):
    (copy / "encoder-model.onnx").unlink()
    shutil.copy(model / "encoder-model.int8.onnx", copy)
    assert heard(copy, precision="int8") == heard(copy) == written(TEXT)


def test_weights_may_lie_in_a_file_beside_the_graph(copy: Path):
    """As they do where they are larger than 2 GiB."""
    graph = onnx.load(copy / "encoder-model.onnx")
    (copy / "encoder-model.onnx").unlink()
    onnx.save(
        graph, copy / "encoder-model.onnx", save_as_external_data=True, location="encoder-model.onnx.data",
        size_threshold=0,
    )  # fmt: skip
    assert heard(copy) == written(TEXT)
    estimate = provider(copy).estimate()
    assert estimate is not None
    beside = (copy / "encoder-model.onnx.data").stat().st_size
    graphs = sum((copy / f"{name}.onnx").stat().st_size for name in ("encoder-model", "decoder_joint-model"))
    assert estimate.weights == beside + graphs
    (copy / "encoder-model.onnx.data").unlink()
    assert "encoder-model.onnx" in fault(copy)
    assert "is the download whole?" in fault(copy)


def test_what_a_loaded_model_says_of_itself(model: Path):
    loaded = provider(model, precision="float", threads=1, languages=["en", "ru"], max_audio_seconds=90)
    loaded.load()
    info = loaded.info()
    assert info.capabilities == ("transcribe",)
    assert info.vocabulary == BLANK + 1
    assert info.weights_bytes == sum(
        (model / name).stat().st_size for name in ("encoder-model.onnx", "decoder_joint-model.onnx")
    )
    assert info.speech is not None
    assert (info.speech.languages, info.speech.longest, info.speech.hints) == (("en", "ru"), 90.0, ("language",))


def test_times_are_taken_back_by_what_is_configured(model: Path):
    starts = []
    for delay in (0, 2):
        loaded = provider(model, delay_frames=delay)
        loaded.load()
        news = list(loaded.transcribe(iter([spoken("_0.8 hello _0.3")]), TranscribeOptions()))
        starts += [one.start for one in news if isinstance(one, Segment)]
    assert starts == pytest.approx([0.8, 0.64])


# ---------------------------------------------------------------------- files


def test_a_folder_that_is_not_there_is_not_fetched(tmp_path: Path):
    message = fault(tmp_path / "nemo-parakeet-tdt-0.6b-v3")
    assert "is no folder" in message
    assert "It is not fetched by itself." in message
    assert not (tmp_path / "nemo-parakeet-tdt-0.6b-v3").exists()


@pytest.mark.parametrize("name", ["encoder-model.onnx", "decoder_joint-model.onnx", "vocab.txt", "config.json"])
def test_a_missing_file_is_named(copy: Path, name: str):
    (copy / name).unlink()
    assert f"no {name}" in fault(copy)
    with pytest.raises(LoadFailed, match=name):
        provider(copy).check()


def test_a_precision_that_is_not_there_is_told_with_the_one_that_is(copy: Path):
    assert "has no encoder-model.int8.onnx (but encoder-model.onnx): set precision to float" in fault(
        copy, precision="int8"
    )


@pytest.mark.parametrize("name", ["encoder-model.onnx", "decoder_joint-model.onnx"])
@pytest.mark.parametrize("size", [0, 300])
def test_a_graph_that_breaks_off_is_told(copy: Path, name: str, size: int):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[:size])
    assert name in fault(copy)
    assert "is the download whole?" in fault(copy)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "is no JSON object"),
        ('{"model_type": "whisper"}', "says model_type 'whisper'"),
        ('{"features_size": 128, "subsampling_factor": 4}', "subsampling_factor 4"),
        ('{"features_size": "many"}', "features_size 'many'"),
        ('{"features_size": 80}', "takes 128 features, but config.json says 80"),
    ],
)
def test_settings_that_do_not_fit_are_told(copy: Path, settings: str, said: str):
    (copy / "config.json").write_text(settings)
    assert said in fault(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [], "ends with nothing"),
        (lambda lines: lines[:-1], "but the blank"),
        (lambda lines: [lines[0], *lines], "Line 2"),
        (lambda lines: ["no number", *lines[1:]], "Line 1"),
        (lambda lines: [*lines[:5], f"<blk> {5}"], "vocab.txt has 6 tokens"),
        (lambda lines: [*lines[:-1], "a 37", "<blk> 38"], "vocab.txt has 39 tokens"),
        (lambda lines: [*lines[:-1], *(f"a{n} {n}" for n in range(37, 42)), "<blk> 42"], "tells no durations"),
    ],
)
def test_a_vocabulary_of_another_model_is_told(copy: Path, change: Callable[[list[str]], list[str]], said: str):
    assert len(PIECES) == 37
    lines = (copy / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (copy / "vocab.txt").write_text("\n".join(change(lines)), encoding="utf-8")
    assert said in fault(copy)


def test_a_vocabulary_that_is_no_text_is_told(copy: Path):
    (copy / "vocab.txt").write_bytes(b"\xff\xfe\x00")
    assert "vocab.txt cannot be read" in fault(copy)


# ---------------------------------------------------------------------- graphs


def renamed(file: Path, old: str, new: str) -> None:
    graph = onnx.load(file)
    for node in graph.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for value in (*graph.graph.input, *graph.graph.output):
        value.name = new if value.name == old else value.name
    onnx.save(graph, file)


@pytest.mark.parametrize(
    ("graph", "name"),
    [
        ("encoder-model.onnx", "audio_signal"),
        ("encoder-model.onnx", "length"),
        ("encoder-model.onnx", "outputs"),
        ("encoder-model.onnx", "encoded_lengths"),
        ("decoder_joint-model.onnx", "encoder_outputs"),
        ("decoder_joint-model.onnx", "targets"),
        ("decoder_joint-model.onnx", "target_length"),
        ("decoder_joint-model.onnx", "input_states_2"),
        ("decoder_joint-model.onnx", "output_states_1"),
        ("decoder_joint-model.onnx", "outputs"),
    ],
)
def test_a_name_that_is_missing_is_told_with_those_that_are_there(copy: Path, graph: str, name: str):
    renamed(copy / graph, name, "something")
    message = fault(copy)
    assert f"{graph} has no" in message
    assert repr(name) in message
    assert "something" in message


def changed(file: Path, name: str, change: Callable[[Any], None]) -> None:
    graph = onnx.load(file)
    for value in (*graph.graph.input, *graph.graph.output):
        if value.name == name:
            change(value.type.tensor_type)
    onnx.save(graph, file)


def test_frames_whose_size_is_not_told_are_refused(copy: Path):
    changed(copy / "decoder_joint-model.onnx", "input_states_1", lambda kind: kind.shape.dim[0].ClearField("dim_value"))
    assert "does not tell the size of axis 0 of 'input_states_1'" in fault(copy)


def test_an_encoder_of_another_model_is_told(copy: Path, model: Path):
    graph = onnx.load(copy / "encoder-model.onnx")
    for constant in graph.graph.initializer:
        if constant.name.startswith("widen"):
            kept = onnx.numpy_helper.to_array(constant)[:20]
            constant.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(kept), constant.name))
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 20
    onnx.save(graph, copy / "encoder-model.onnx")
    assert "gives frames of 20 numbers, but decoder_joint-model.onnx takes 24" in fault(copy)


def test_an_encoder_with_other_frames_is_told(copy: Path):
    graph = onnx.load(copy / "encoder-model.onnx")
    for node in graph.graph.node:
        if node.op_type == "MaxPool":
            for attribute in node.attribute:
                attribute.ints[:] = [4]
    for constant in graph.graph.initializer:
        if constant.name == "subsampling":
            constant.CopyFrom(onnx.numpy_helper.from_array(np.array([4]), constant.name))
    onnx.save(graph, copy / "encoder-model.onnx")
    assert "makes 26 frames of a second, but 12 or 13 were expected: its frames are not 80 ms" in fault(copy)


# ---------------------------------------------------------------------- config


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"threads": 0}, "threads is 0"),
        ({"precision": "float16"}, "Invalid enum value"),
        ({"execution_providers": []}, "execution_providers is empty"),
        ({"max_audio_seconds": 0}, "max_audio_seconds is 0"),
        ({"delay_frames": -1}, "delay_frames is -1"),
        ({"model": "x"}, "unknown field `model`"),
    ],
)
def test_a_value_that_cannot_be_is_refused(config: dict[str, Any], said: str):
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"model_path": "m", **config}, OnnxConfig)


def test_an_execution_provider_that_is_not_there_is_told_with_those_that_are(model: Path):
    message = fault(model, execution_providers=["CUDAExecutionProvider"])
    assert "CPUExecutionProvider" in message
    assert "name one of these" in message


def test_features_of_the_file_are_those_of_the_graph(copy: Path):
    assert json.loads((copy / "config.json").read_text())["features_size"] == FILTERS
