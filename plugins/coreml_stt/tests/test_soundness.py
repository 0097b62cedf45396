"""Sets that do not fit together are refused when they are loaded, with what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_coreml_stt.config import CoreMLConfig, ModelFiles
from heylook_coreml_stt.graphs import Graphs
from heylook_coreml_stt.provider import CoreMLProvider
from heylook_coreml_stt.runtime import Feature, Graph
from heylook_coreml_stt.soundness import check_graphs
from heylook_coreml_stt.vocabulary import read_vocabulary
from tools.speech_model.weights import PIECES

Load = Callable[..., CoreMLProvider]


# ------------------------------------------------------------------ vocabularies


def with_vocabulary(published: Path, folder: Path, pieces: list[str]) -> Path:
    shutil.copytree(published, folder)
    (folder / "parakeet_vocab.json").write_text(json.dumps(pieces), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        (PIECES[:10], "but the vocabulary ends at 9: it belongs to another model"),
        ([*PIECES, "more"], f"by it {len(PIECES) + 1} is the blank, but for silence the network writes token"),
    ],
)
def test_the_vocabulary_of_another_model_is_refused(
    load: Load, published: Path, tmp_path: Path, pieces: list[str], sentence: str
) -> None:
    folder = with_vocabulary(published, tmp_path / "set", pieces)
    provider = type(load(published))(ModelSpec(id="m", provider="x"), CoreMLConfig(model_path=str(folder)))
    with pytest.raises(LoadFailed, match=sentence):
        provider.load()


def test_a_vocabulary_is_a_map_or_a_list(tmp_path: Path) -> None:
    for told in (["a", "b"], {"1": "b", "0": "a"}):
        (tmp_path / "v.json").write_text(json.dumps(told))
        assert read_vocabulary(tmp_path / "v.json") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no JSON"),
        ("[]", "neither a map from ids to pieces nor a list"),
        ("[1]", "neither a map"),
        ('"a"', "neither a map"),
        ('{"0": "a", "2": "c"}', "2 pieces but none with the id 1"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(LoadFailed, match=sentence):
        read_vocabulary(tmp_path / "v.json")


# ------------------------------------------------------------------ graphs


class Described(Graph):
    """What a graph says of itself, changed; it is not run."""

    def __init__(self, graph: Graph, inputs: Mapping[str, Feature], outputs: Mapping[str, Feature]) -> None:
        self.name = graph.name
        self.inputs = inputs
        self.outputs = outputs

    def predict(self, feed: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        raise AssertionError("a set that is not sound is not run")


def feature(*shape: int, dtype: str = "float32") -> Feature:
    return Feature(shape, dtype, shape)


@pytest.fixture
def graphs(published: Path) -> Graphs:
    """As described by the packages themselves."""
    from mil_numpy.runtime import NumpyRuntime

    from heylook_coreml_stt.graphs import load_graphs
    from heylook_coreml_stt.names import find

    return load_graphs(find(published, ModelFiles()), NumpyRuntime(), "CPU_ONLY")


def changed(graphs: Graphs, part: str, inputs: dict[str, Feature | None], outputs: dict[str, Feature | None]) -> Graphs:
    """None takes a feature away."""

    def apply(graph: Graph) -> Graph:
        both = [{**graph.inputs, **inputs}, {**graph.outputs, **outputs}]
        kept = [{name: each for name, each in side.items() if each is not None} for side in both]
        return Described(graph, *kept)

    if part in ("preprocessor", "encoder"):
        at = ("preprocessor", "encoder").index(part)
        return graphs._replace(ears=tuple(apply(each) if i == at else each for i, each in enumerate(graphs.ears)))
    return graphs._replace(**{part: apply(getattr(graphs, part))})


def test_the_fixture_is_sound(graphs: Graphs) -> None:
    check_graphs(graphs)


@pytest.mark.parametrize(
    ("part", "inputs", "outputs", "sentence"),
    [
        ("preprocessor", {"audio_signal": None}, {}, "Preprocessor.mlpackage does not take audio_signal"),
        ("preprocessor", {"audio_signal": feature(1, 1, 240_000)}, {}, "audio_signal .* should have 2 dimensions"),
        ("preprocessor", {"audio_length": feature(1)}, {}, "audio_length .* is float32, but should be integers"),
        ("preprocessor", {}, {"mel": None}, "Encoder.mlpackage wants mel, which nothing before it gives"),
        ("encoder", {"prompt": feature(1)}, {}, "Encoder.mlpackage wants prompt"),
        ("encoder", {}, {"encoder": None}, "Encoder.mlpackage does not give encoder"),
        ("encoder", {}, {"encoder": feature(1, 512, 188)}, "takes encoder frames of 24, but Encoder.mlpackage gives"),
        ("decoder", {"h_in": None}, {}, "Decoder.mlpackage does not take h_in"),
        ("decoder", {"language": feature(1)}, {}, "wants language, which a prediction network does not"),
        ("decoder", {"h_in": feature(2, 1, 9)}, {}, "states of shapes 2 x 1 x 9 and 2 x 1 x 8"),
        ("decoder", {"targets": feature(1, 4, dtype="int32")}, {}, "targets of shape 1 x 4, not one at a time"),
        ("decoder", {}, {"h_out": feature(1, 1, 8)}, "takes a state of 2 x 1 x 8 and gives 1 x 1 x 8"),
        ("decoder", {}, {"decoder": feature(1, 640, 1)}, "decoder steps of 1 x 8 x 1, but Decoder.mlpackage gives"),
        ("joint", {}, {"duration": None}, "JointDecisionv3.mlpackage does not give duration"),
        ("joint", {}, {"logits": feature(1, 188, 1, 43)}, "gives logits of a whole window"),
        ("joint", {"encoder_step": feature(1, 24, 1, dtype="int32")}, {}, "should be numbers with a fraction"),
        ("joint", {"encoder_step": Feature((), "float32", ())}, {}, "does not say the shape of encoder_step"),
    ],
)
def test_what_does_not_fit_is_named(
    graphs: Graphs, part: str, inputs: dict[str, Any], outputs: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(LoadFailed, match=sentence):
        check_graphs(changed(graphs, part, inputs, outputs))


def test_shapes_that_depend_on_the_input_may_be_unknown(graphs: Graphs) -> None:
    unknown = Feature((), "float32", ())
    check_graphs(changed(graphs, "encoder", {}, {"encoder": unknown, "encoder_length": unknown}))
    check_graphs(changed(graphs, "decoder", {}, dict.fromkeys(("decoder", "h_out", "c_out"), unknown)))
