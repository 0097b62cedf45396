"""The interpreter against coremltools' own inference of values, and against onnxruntime where that has none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mil_numpy import operations
from mil_numpy.program import Operation, load
from mil_numpy.runtime import NumpyGraph, NumpyRuntime

from heylook_coreml_stt.config import ModelFiles
from heylook_coreml_stt.graphs import load_graphs
from heylook_coreml_stt.names import find
from heylook_coreml_stt.network import CoreMLNetwork
from tools.speech_model.reference import ReferenceNetwork
from tools.speech_model.small import small_weights
from tools.speech_model.tunes import spoken
from tools.speech_model.weights import BLANK

Array = np.ndarray[Any, Any]

# coremltools infers no values through the first two, and fails with newer versions of numpy in the others; they are
# compared with onnxruntime below.
UNINFERRED = {"conv", "lstm", "reduce_max", "reduce_sum"}


class Comparison:
    """Every operation that runs is built once more with the same inputs, and coremltools says what it gives."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.uninferred: set[str] = set()

    def __call__(self, operation: Operation, inputs: dict[str, Any], outputs: tuple[Array, ...]) -> None:
        if operation.kind in UNINFERRED or self.compared[operation.kind] >= 8:
            return
        from coremltools import target
        from coremltools.converters.mil import Builder as mb
        from coremltools.converters.mil.mil import Function

        with Function({}, opset_version=target.iOS17):
            built = getattr(mb, operation.kind)(**inputs)
        for theirs, ours in zip(built if isinstance(built, tuple | list) else (built,), outputs, strict=True):
            if theirs.val is None:
                self.uninferred.add(operation.kind)
                continue
            assert np.shape(theirs.val) == ours.shape, operation.kind
            np.testing.assert_allclose(ours, theirs.val, rtol=1e-5, atol=1e-5, err_msg=operation.kind)
            self.compared[operation.kind] += 1


def watched(package: Path, comparison: Comparison) -> NumpyGraph:
    return NumpyGraph(package.name, load(package), comparison)


@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")  # in coremltools' sigmoid
def test_it_computes_what_coremltools_infers(published: Path) -> None:
    comparison, random = Comparison(), np.random.default_rng(3)
    preprocessor, encoder, decoder, joint = (
        watched(published / f"{name}.mlpackage", comparison)
        for name in ("Preprocessor", "Encoder", "Decoder", "JointDecisionv3")
    )
    audio = random.normal(0, 0.1, (1, 48_000)).astype(np.float32)
    preprocessor.predict({"audio_signal": audio, "audio_length": np.array([40_000], np.int32)})
    mel = random.normal(0, 1, (1, 128, 1501)).astype(np.float32)
    encoder.predict({"mel": mel, "mel_length": np.array([1400], np.int32)})
    state = random.normal(0, 1, decoder.inputs["h_in"].shape).astype(np.float32)
    told = decoder.predict(
        {
            "targets": np.array([[7]], np.int32),
            "target_length": np.array([1], np.int32),
            "h_in": state,
            "c_in": state,
        }
    )
    frame = random.normal(0, 1, joint.inputs["encoder_step"].shape).astype(np.float32)
    joint.predict({"encoder_step": frame, "decoder_step": told["decoder"]})
    used = {
        operation.kind
        for name in ("Preprocessor", "Encoder", "Decoder", "JointDecisionv3")
        for operation in load(published / f"{name}.mlpackage").operations
    }
    assert comparison.uninferred == set()
    assert set(comparison.compared) == used - UNINFERRED
    assert used <= set(operations.OPERATIONS)


def onnx_result(
    kind: str, inputs: dict[str, Array], outputs: list[str], opset: int = 17, **attributes: Any
) -> list[Array]:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    make, single = onnx.helper, onnx.TensorProto.FLOAT
    names = [name if value is not None else "" for name, value in inputs.items()]
    given = {name: value for name, value in inputs.items() if value is not None}
    graph = make.make_graph(
        [make.make_node(kind, names, outputs, **attributes)],
        "one",
        [make.make_tensor_value_info(name, single, value.shape) for name, value in given.items()],
        [make.make_tensor_value_info(name, single, None) for name in outputs],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=9)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(None, given)
    return found


@pytest.mark.parametrize(
    ("channels", "out", "width", "stride", "dilation", "groups"),
    [(6, 8, 5, 2, 1, 1), (6, 12, 3, 1, 2, 3), (4, 4, 7, 3, 1, 4), (128, 4, 1, 1, 1, 1)],
)
def test_its_convolution_is_that_of_onnxruntime(
    channels: int, out: int, width: int, stride: int, dilation: int, groups: int
) -> None:
    random = np.random.default_rng(1)
    x, weight, bias = (
        random.standard_normal(shape).astype(np.float32)
        for shape in ((1, channels, 50), (out, channels // groups, width), (out,))
    )
    inputs = {"x": x, "weight": weight, "bias": bias}
    (theirs,) = onnx_result("Conv", inputs, ["y"], strides=[stride], dilations=[dilation], group=groups)
    ours = operations.conv(x, weight, bias, strides=[stride], dilations=[dilation], groups=groups)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("kind", ["Max", "Sum"])
def test_its_reductions_are_those_of_onnxruntime(kind: str, keep: bool) -> None:
    x = np.random.default_rng(4).standard_normal((1, 18, 20, 8)).astype(np.float32)
    (theirs,) = onnx_result(f"Reduce{kind}", {"x": x}, ["y"], opset=11, axes=[3], keepdims=int(keep))
    ours = operations.OPERATIONS[f"reduce_{kind.lower()}"](x, axes=np.array([3]), keep_dims=np.bool_(keep))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_its_lstm_is_that_of_onnxruntime() -> None:
    random = np.random.default_rng(2)
    hidden, width, steps = 7, 5, 4

    def gates(rows: Array) -> Array:
        """ONNX has them in the order i, o, f, c."""
        i, f, o, g = np.split(rows, 4)
        return np.concatenate([i, o, f, g])

    x, weight, recurrent, bias, h, c = (
        random.standard_normal(shape).astype(np.float32)
        for shape in (
            (steps, 1, width),
            (4 * hidden, width),
            (4 * hidden, hidden),
            (4 * hidden,),
            (1, hidden),
            (1, hidden),
        )
    )
    both = np.concatenate([gates(bias), np.zeros(4 * hidden, np.float32)])[None]
    inputs = {"x": x, "w": gates(weight)[None], "r": gates(recurrent)[None], "b": both, "lengths": None}
    theirs = onnx_result("LSTM", {**inputs, "h": h[None], "c": c[None]}, ["ys", "yh", "yc"], hidden_size=hidden)
    ours = operations.lstm(x, h, c, weight, recurrent, bias, output_sequence=True)
    for mine, other in zip(ours, (theirs[0][:, 0], theirs[1][0], theirs[2][0]), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["PUBLISHED", "EXPORTED", "SMALL"])
def test_the_packages_compute_what_the_weights_say(sets: Path, form: str) -> None:
    own = small_weights() if form == "SMALL" else None
    vocabulary = str(sets / "PUBLISHED" / "parakeet_vocab.json")
    graphs = load_graphs(find(sets / form, ModelFiles(vocabulary=vocabulary)), NumpyRuntime(), "CPU_ONLY")
    network, reference = CoreMLNetwork(graphs, BLANK), ReferenceNetwork(own)
    audio = spoken("the quick brown fox. open source server works") + np.random.default_rng(1).normal(0, 0.01)
    heard, wanted = network.encode(audio.astype(np.float32)), reference.encode(audio.astype(np.float32))
    np.testing.assert_allclose(heard, wanted, atol=1e-3)
    mine, theirs = network.predict(BLANK, None), reference.predict(BLANK, None)
    for frame in wanted:
        step, told = network.join(frame.astype(np.float32), mine.output), reference.join(frame, theirs.output)
        assert (step.token, step.duration) == (told.token, told.duration)
        assert step.probability == pytest.approx(told.probability, abs=1e-4)
        logits = [logit for _, logit in told.top] if form == "PUBLISHED" else []
        assert [logit for _, logit in step.top] == pytest.approx(logits, abs=1e-3)
        if step.token != BLANK:
            mine, theirs = network.predict(step.token, mine.state), reference.predict(told.token, theirs.state)
            np.testing.assert_allclose(mine.output.reshape(-1), theirs.output.reshape(-1), atol=1e-5)


def test_features_that_the_model_does_not_take_are_refused(published: Path) -> None:
    joint = NumpyRuntime().load(published / "JointDecisionv3.mlpackage", "CPU_ONLY")
    frame = np.zeros(joint.inputs["encoder_step"].shape, np.float32)
    step = np.zeros(joint.inputs["decoder_step"].shape, np.float32)
    with pytest.raises(ValueError, match="takes"):
        joint.predict({"encoder_step": frame})
    with pytest.raises(ValueError, match="has the sizes"):
        joint.predict({"encoder_step": frame[:, :-1], "decoder_step": step})
    with pytest.raises(TypeError, match="float32"):
        joint.predict({"encoder_step": frame.astype(np.float64), "decoder_step": step})
