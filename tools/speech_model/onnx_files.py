"""The model of `weights` as the files of a public ONNX export: `python -m tools.speech_model.onnx_files FOLDER`.

Names, kinds and ranks of inputs and outputs are those of NeMo's exporter. Needs `onnx` and `onnxruntime`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tools.speech_model.weights import (
    BLANK,
    DURATIONS,
    FILTERS,
    LAYERS,
    PAD,
    PIECES,
    SUBSAMPLING,
    Array,
    D,
    H,
    Lstm,
    Weights,
    weights,
)

OPSET = 17
IR_VERSION = 8


def write(folder: Path, int8: bool = True) -> Path:
    """The folder with all files; with `int8` also the two graphs with 8-bit weights."""
    folder.mkdir(parents=True, exist_ok=True)
    own = weights()
    onnx.save(encoder(own), folder / "encoder-model.onnx")
    onnx.save(decoder_joint(own), folder / "decoder_joint-model.onnx")
    if int8:
        for name in ("encoder-model", "decoder_joint-model"):
            _quantise(folder, name)
    lines = [f"{piece} {index}" for index, piece in enumerate((*PIECES, "<blk>"))]
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"model_type": "nemo-conformer-tdt", "features_size": FILTERS, "subsampling_factor": SUBSAMPLING}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _quantise(folder: Path, name: str) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(folder / f"{name}.onnx", folder / f"{name}.int8.onnx", weight_type=QuantType.QUInt8)


class Graph:
    """Nodes and constants of a graph that is being put together."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Array) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, list(outputs), name=f"/{outputs[0]}/{kind}", **attributes))
        return outputs[0]

    def model(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="heylook")
        onnx.checker.check_model(made, full_check=True)
        return made


def _value(name: str, kind: int, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))


def encoder(own: Weights) -> Any:
    graph = Graph()

    def convolution(x: str, name: str, kernel: Array, bias: Array, **attributes: Any) -> str:
        inputs = [x, graph.constant(f"{name}.weight", kernel), graph.constant(f"{name}.bias", bias)]
        return graph.add("Conv", inputs, name, **attributes)

    notes = convolution("audio_signal", "contrast", own.contrast, own.contrast_bias)
    notes = graph.add("Sigmoid", [notes], "notes")
    heard = convolution(notes, "tunes", own.tunes, own.tunes_bias, pads=list(PAD))
    heard = graph.add("Sigmoid", [heard], "heard")
    levels = graph.add("MaxPool", [heard], "levels", kernel_shape=[SUBSAMPLING], strides=[SUBSAMPLING])
    graph.add("Conv", [levels, graph.constant("widen.weight", own.widen), graph.constant("widen.bias", own.widen_bias)],
              "outputs")  # fmt: skip
    seven = graph.constant("round_up", np.array([SUBSAMPLING - 1], np.int64))
    eight = graph.constant("subsampling", np.array([SUBSAMPLING], np.int64))
    graph.add("Div", [graph.add("Add", ["length", seven], "rounded"), eight], "encoded_lengths")
    inputs = [
        _value("audio_signal", TensorProto.FLOAT, "batch", FILTERS, "frames"),
        _value("length", TensorProto.INT64, "batch"),
    ]
    outputs = [
        _value("outputs", TensorProto.FLOAT, "batch", D, "encoded"),
        _value("encoded_lengths", TensorProto.INT64, "batch"),
    ]
    return graph.model("encoder", inputs, outputs)


def decoder_joint(own: Weights) -> Any:
    graph = Graph()

    def product(x: str, name: str, matrix: Array, bias: Array | None = None) -> str:
        found = graph.add("MatMul", [x, graph.constant(f"{name}.weight", matrix.T)], f"{name}.product")
        return found if bias is None else graph.add("Add", [found, graph.constant(f"{name}.bias", bias)], name)

    embedded = graph.add("Gather", [graph.constant("embedding", own.embedding), "targets"], "embedded")
    x = graph.add("Transpose", [embedded], "first", perm=[1, 0, 2])  # (U, B, H)
    hidden = [f"hidden.{layer}" for layer in range(LAYERS)]
    cells = [f"cells.{layer}" for layer in range(LAYERS)]
    graph.add("Split", ["input_states_1"], *hidden, axis=0)
    graph.add("Split", ["input_states_2"], *cells, axis=0)
    for layer, lstm in enumerate(own.lstms):
        x = _lstm(graph, x, lstm, layer)
    graph.add("Concat", [f"hidden.{layer}.new" for layer in range(LAYERS)], "output_states_1", axis=0)
    graph.add("Concat", [f"cells.{layer}.new" for layer in range(LAYERS)], "output_states_2", axis=0)
    graph.add("Identity", ["target_length"], "prednet_lengths")
    predicted = graph.add("Transpose", [x], "predicted", perm=[1, 0, 2])  # (B, U, H)
    frames = graph.add("Transpose", ["encoder_outputs"], "frames_first", perm=[0, 2, 1])  # (B, T, D)
    one = graph.constant("axis.1", np.array([1], np.int64))
    two = graph.constant("axis.2", np.array([2], np.int64))
    frames = graph.add(
        "Unsqueeze", [product(frames, "join_encoder", own.join_encoder, own.join_bias), two], "of_frames"
    )
    predicted = graph.add("Unsqueeze", [product(predicted, "join_predictor", own.join_predictor), one], "of_tokens")
    joined = graph.add("Relu", [graph.add("Add", [frames, predicted], "joined")], "activated")
    graph.add("Identity", [product(joined, "out", own.out, own.out_bias)], "outputs")
    inputs = [
        _value("encoder_outputs", TensorProto.FLOAT, "batch", D, "frames"),
        _value("targets", TensorProto.INT32, "batch", "tokens"),
        _value("target_length", TensorProto.INT32, "batch"),
        _value("input_states_1", TensorProto.FLOAT, LAYERS, "batch", H),
        _value("input_states_2", TensorProto.FLOAT, LAYERS, "batch", H),
    ]
    outputs = [
        _value("outputs", TensorProto.FLOAT, "batch", "frames", "tokens", BLANK + 1 + DURATIONS),
        _value("prednet_lengths", TensorProto.INT32, "batch"),
        _value("output_states_1", TensorProto.FLOAT, LAYERS, "batch", H),
        _value("output_states_2", TensorProto.FLOAT, LAYERS, "batch", H),
    ]
    return graph.model("decoder_joint", inputs, outputs)


def _lstm(graph: Graph, x: str, lstm: Lstm, layer: int) -> str:
    """ONNX has the gates in the order i, o, f, g, and a direction in the second axis of what comes out."""

    def ordered(rows: Array) -> Array:
        i, f, g, o = np.split(rows, 4)
        return np.concatenate([i, o, f, g])

    bias = np.concatenate([ordered(lstm.bias), np.zeros(4 * H, np.float32)])
    inputs = [
        x,
        graph.constant(f"lstm.{layer}.W", ordered(lstm.input)[None]),
        graph.constant(f"lstm.{layer}.R", ordered(lstm.recurrent)[None]),
        graph.constant(f"lstm.{layer}.B", bias[None]),
        "",
        f"hidden.{layer}",
        f"cells.{layer}",
    ]
    name = graph.add("LSTM", inputs, f"lstm.{layer}", f"hidden.{layer}.new", f"cells.{layer}.new", hidden_size=H)
    return graph.add("Squeeze", [name, graph.constant(f"lstm.{layer}.axis", np.array([1], np.int64))], f"x.{layer}")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
