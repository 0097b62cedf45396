"""What compiled models say of themselves, in the form in which CoreML's compiler writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_coreml_stt.config import CoreMLConfig, ModelFiles
from heylook_coreml_stt.coreml import CoreML
from heylook_coreml_stt.description import NotDescribed, compiled_features
from heylook_coreml_stt.machine import obstacle
from heylook_coreml_stt.provider import CoreMLProvider
from heylook_coreml_stt.runtime import Feature

pytestmark = pytest.mark.unit


def entry(name: str, shape: str, dtype: str, **more: str) -> dict[str, str]:
    flexible = "1" if more else "0"
    return {
        "type": "MultiArray",
        "isOptional": "0",
        "name": name,
        "shape": shape,
        "dataType": dtype,
        "hasShapeFlexibility": flexible,
        **more,
    }


def compiled(folder: Path, told: Any) -> Path:
    folder.mkdir()
    (folder / "metadata.json").write_text(json.dumps(told))
    return folder


def test_names_types_and_sizes_are_read(tmp_path: Path) -> None:
    inputs = [
        entry(
            "audio_signal", "[1, 240000]", "Float32", shapeRange="[[1, 1], [1, 240000]]", shapeFlexibility="1 x 1..."
        ),
        entry("audio_length", "[1]", "Int32"),
        entry("either", "[1, 2]", "Float16", enumeratedShapes="[[1, 2], [1, 8]]"),
    ]
    outputs = [entry("mel", "[]", "Float32")]
    found = compiled_features(compiled(tmp_path / "a.mlmodelc", [{"inputSchema": inputs, "outputSchema": outputs}]))
    assert found == (
        {
            "audio_signal": Feature((1, 240_000), "float32", (1, 240_000)),
            "audio_length": Feature((1,), "int32", (1,)),
            "either": Feature((1, 2), "float16", (1, 8)),
        },
        {"mel": Feature((), "float32", ())},
    )


@pytest.mark.parametrize("told", [{}, [], [{"inputSchema": [{}], "outputSchema": []}], "text", [[1]]])
def test_a_model_that_is_not_described_is_refused(tmp_path: Path, told: Any) -> None:
    with pytest.raises(NotDescribed, match="does not describe the model"):
        compiled_features(compiled(tmp_path / "a.mlmodelc", told))


def test_a_model_without_description_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mlmodelc").mkdir()
    with pytest.raises(NotDescribed, match=r"metadata\.json cannot be read"):
        compiled_features(tmp_path / "a.mlmodelc")


def test_a_package_is_described_as_its_features_are(published: Path) -> None:
    from coremltools.models.utils import load_spec

    from heylook_coreml_stt.coreml import package_features

    inputs, outputs = package_features(load_spec(str(published / "Preprocessor.mlpackage")))
    assert inputs == {
        "audio_signal": Feature((1, 240_000), "float32", (1, 240_000)),
        "audio_length": Feature((1,), "int32", (1,)),
    }
    assert set(outputs) == {"mel", "mel_length"}


@pytest.mark.skipif(obstacle() is None, reason="here CoreML does predict")
def test_where_coreml_does_not_predict_the_runtime_says_so(published: Path) -> None:
    from heylook_core.errors import EngineFailed

    graph = CoreML().load(published / "Decoder.mlpackage", "CPU_ONLY")
    assert set(graph.inputs) == {"targets", "target_length", "h_in", "c_in"}
    with pytest.raises(EngineFailed, match=r"CoreML failed in Decoder\.mlpackage"):
        graph.predict({})


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mlpackage").mkdir()
    with pytest.raises(LoadFailed, match="CoreML cannot load"):
        CoreML().load(tmp_path / "a.mlpackage", "CPU_ONLY")


class Anywhere(CoreMLProvider):
    """Checked as if this machine ran CoreML."""

    def runtime(self) -> Any:
        from mil_numpy.runtime import NumpyRuntime

        return NumpyRuntime()


def test_a_check_reads_what_compiled_parts_say(published: Path, tmp_path: Path) -> None:
    spec = ModelSpec(id="m", provider="x")
    Anywhere(spec, CoreMLConfig(model_path=str(published))).check()
    (tmp_path / "Decoder.mlmodelc").mkdir()
    files = ModelFiles(decoder=str(tmp_path / "Decoder.mlmodelc"))
    with pytest.raises(LoadFailed, match="cannot be read"):
        Anywhere(spec, CoreMLConfig(model_path=str(published), files=files)).check()
