"""Whether the graphs of a set are what they are called and fit together, told before the first request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import numpy as np

from heylook_core.errors import EngineFailed, LoadFailed
from heylook_coreml_stt.graphs import Graphs
from heylook_coreml_stt.network import CoreMLNetwork
from heylook_coreml_stt.runtime import Feature, Graph

AUDIO = ("audio_signal", "audio_length")


def check_graphs(graphs: Graphs) -> None:
    """By names, types and shapes of what goes in and out. Raises LoadFailed."""
    _check_ears(graphs.ears)
    _check_decoder(graphs.decoder)
    _check_joint(graphs)


def _check_ears(ears: tuple[Graph, ...]) -> None:
    first, last = ears[0], ears[-1]
    told = set(AUDIO)
    _require(first, first.inputs, {"audio_signal": 2, "audio_length": 1})
    _check_type(first, "audio_signal", "float")
    _check_type(first, "audio_length", "int")
    for graph in ears:
        if strange := sorted(set(graph.inputs) - told):
            raise LoadFailed(f"{graph.name} wants {_list(strange)}, which nothing before it gives.")
        told |= set(graph.outputs)
    _require(last, last.outputs, {"encoder": 3, "encoder_length": 1})


def _check_decoder(decoder: Graph) -> None:
    _require(decoder, decoder.inputs, {"targets": 2, "target_length": 1, "h_in": 3, "c_in": 3})
    _require(decoder, decoder.outputs, {"decoder": 3, "h_out": 3, "c_out": 3})
    _check_type(decoder, "targets", "int")
    _check_type(decoder, "h_in", "float")
    if strange := sorted(set(decoder.inputs) - {"targets", "target_length", "h_in", "c_in"}):
        raise LoadFailed(f"{decoder.name} wants {_list(strange)}, which a prediction network does not.")
    if prod(decoder.inputs["targets"].shape) != 1:
        raise LoadFailed(
            f"{decoder.name} takes targets of shape {_size(decoder.inputs['targets'])}, not one at a time."
        )
    hidden, cell = decoder.inputs["h_in"], decoder.inputs["c_in"]
    if hidden.shape != cell.shape or hidden.shape[1] != 1:
        raise LoadFailed(f"{decoder.name} takes states of shapes {_size(hidden)} and {_size(cell)}.")
    for name in ("h_out", "c_out"):
        if decoder.outputs[name].shape not in ((), hidden.shape):
            raise LoadFailed(
                f"{decoder.name} takes a state of {_size(hidden)} and gives {_size(decoder.outputs[name])}."
            )


def _check_joint(graphs: Graphs) -> None:
    joint = graphs.joint
    if "logits" in joint.outputs:
        message = f"{joint.name} gives logits of a whole window; use the decision of a single step instead."
        raise LoadFailed(message)
    _require(joint, joint.inputs, {"encoder_step": 3, "decoder_step": 3})
    _require(joint, joint.outputs, {"token_id": None, "token_prob": None, "duration": None})
    _check_type(joint, "encoder_step", "float")
    _check_type(joint, "decoder_step", "float")
    heard = graphs.ears[-1].outputs["encoder"]
    width = prod(joint.inputs["encoder_step"].shape)
    if heard.shape and width not in heard.shape[1:]:
        raise LoadFailed(
            f"{joint.name} takes encoder frames of {width}, but {graphs.ears[-1].name} gives {_size(heard)}."
        )
    predicted = graphs.decoder.outputs["decoder"]
    step = joint.inputs["decoder_step"]
    if predicted.shape and prod(predicted.shape) != prod(step.shape):
        told = f"{graphs.decoder.name} gives {_size(predicted)}"
        raise LoadFailed(f"{joint.name} takes decoder steps of {_size(step)}, but {told}.")


def _require(graph: Graph, features: Mapping[str, Feature], wanted: Mapping[str, int | None]) -> None:
    """Names, and how many dimensions they have where that is known."""
    if missing := sorted(set(wanted) - set(features)):
        side = "take" if features is graph.inputs else "give"
        raise LoadFailed(f"{graph.name} does not {side} {_list(missing)}; it has {_list(features) or 'nothing'}.")
    for name, rank in wanted.items():
        shape = features[name].shape
        if rank is not None and shape and len(shape) != rank:
            message = (
                f"{name} of {graph.name} has the shape {_size(features[name])}, but should have {rank} dimensions."
            )
            raise LoadFailed(message)
        if features is graph.inputs and not shape:
            raise LoadFailed(f"{graph.name} does not say the shape of {name}.")


def _check_type(graph: Graph, name: str, kind: str) -> None:
    if not graph.inputs[name].dtype.startswith(kind):
        noun = "numbers with a fraction" if kind == "float" else "integers"
        raise LoadFailed(f"{name} of {graph.name} is {graph.inputs[name].dtype}, but should be {noun}.")


def warm_up(network: CoreMLNetwork, vocabulary: str) -> None:
    """Run every graph once, on silence, whose every step should be a blank. Raises LoadFailed.

    No graph says how many tokens it knows: a vocabulary of another model shows here, by a token beyond its end, or by
    one piece for every frame.
    """
    try:
        frames = network.encode(np.zeros(network.window, np.float32))
        predicted = network.predict(0, None)  # a token that every vocabulary has
        tokens = {network.join(frame, predicted.output).token for frame in frames[:: max(len(frames) // 8, 1)]}
    except EngineFailed as error:
        raise LoadFailed(error.message) from error
    if len(tokens) == 1 and network.blank not in tokens:
        found = f"for silence the network writes token {tokens.pop()} throughout"
        raise LoadFailed(f"{vocabulary} belongs to another model: by it {network.blank} is the blank, but {found}.")


def _size(feature: Feature) -> str:
    return " x ".join(map(str, feature.shape)) or "unknown size"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
