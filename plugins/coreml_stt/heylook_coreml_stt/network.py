"""A transducer made of CoreML graphs."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from heylook_core.errors import EngineFailed
from heylook_core.speech.tdt.network import FRAME, Prediction, Step, TdtNetwork
from heylook_core.spoken import SAMPLE_RATE
from heylook_coreml_stt.graphs import Graphs
from heylook_coreml_stt.runtime import Graph

Array = np.ndarray[Any, Any]

SHORTEST = round(0.3 * SAMPLE_RATE)  # samples; of less the preprocessor cannot tell the spread
LONGEST_DURATION = 4  # frames; a bin of the joint network is a number of them


class CoreMLNetwork(TdtNetwork):
    """`blank` is one past the last piece. The graphs have been checked (`soundness`)."""

    def __init__(self, graphs: Graphs, blank: int) -> None:
        self.blank = blank
        self._ears, self._decoder, self._joint = graphs
        audio = self._ears[0].inputs["audio_signal"]
        self._audio_shape = audio.largest
        self.window = audio.largest[-1]
        self._encoder_step = self._joint.inputs["encoder_step"]
        self._decoder_step = self._joint.inputs["decoder_step"]
        self._state = self._decoder.inputs["h_in"].shape
        self._tells_top = {"top_k_ids", "top_k_logits"} <= set(self._joint.outputs)

    @property
    def tells_top(self) -> bool:
        """Whether the likeliest tokens of a step are told, and not only the first."""
        return self._tells_top

    def encode(self, samples: Array) -> Array:
        """The window is always full, and its true length told: what comes after that is masked by the graphs."""
        audio = np.zeros(self._audio_shape, np.float32)
        audio[0, : len(samples)] = samples
        length = max(len(samples), min(SHORTEST, self.window))
        told = {"audio_signal": audio, "audio_length": np.array([length], np.int32)}
        for graph in self._ears:
            told |= _predict(graph, {name: told[name] for name in graph.inputs})
        rows = self._rows(told["encoder"])
        count = int(told["encoder_length"].reshape(-1)[0])
        return rows[: min(count, -(-len(samples) // FRAME))]

    def predict(self, token: int, state: tuple[Array, Array] | None) -> Prediction:
        hidden, cell = (np.zeros(self._state, np.float32),) * 2 if state is None else state
        feed = {"targets": np.array([[token]]), "target_length": np.array([1]), "h_in": hidden, "c_in": cell}
        told = _predict(self._decoder, feed)
        output = told["decoder"]
        if output.size != prod(self._decoder_step.shape):
            raise EngineFailed(f"{self._decoder.name} gave an output of shape {output.shape}.")
        return Prediction(output.reshape(self._decoder_step.shape), (told["h_out"], told["c_out"]))

    def join(self, frame: Array, output: Array) -> Step:
        feed = {"encoder_step": frame.reshape(self._encoder_step.shape), "decoder_step": output}
        told = _predict(self._joint, feed)
        token, duration = (int(told[name].reshape(-1)[0]) for name in ("token_id", "duration"))
        if not 0 <= token <= self.blank:
            message = f"the vocabulary ends at {self.blank - 1}: it belongs to another model"
            raise EngineFailed(f"{self._joint.name} wrote token {token}, but {message}.")
        if not 0 <= duration <= LONGEST_DURATION:
            raise EngineFailed(f"{self._joint.name} gave the duration {duration}, which is none of 0 to 4 frames.")
        top: tuple[tuple[int, float], ...] = ()
        if self._tells_top:
            ids, logits = (told[name].reshape(-1).tolist() for name in ("top_k_ids", "top_k_logits"))
            top = tuple((int(each), logit) for each, logit in zip(ids, logits, strict=True))
        return Step(token, float(told["token_prob"].reshape(-1)[0]), duration, top)

    def _rows(self, heard: Array) -> Array:
        """A frame in each row. Exports differ in whether the frames are the second axis or the third."""
        step = self._encoder_step.shape
        width = prod(step)
        if heard.ndim != 3 or heard.shape[0] != 1 or width not in heard.shape[1:]:
            message = f"gave frames of shape {heard.shape}, but {self._joint.name} takes {width} in a step"
            raise EngineFailed(f"{self._ears[-1].name} {message}.")
        first, second = heard.shape[1:]
        is_third = step[-1] == width if first == second else second == width
        return np.ascontiguousarray(heard[0] if is_third else heard[0].T)


def _predict(graph: Graph, feed: dict[str, Array]) -> dict[str, Array]:
    """With every array in the type that the graph takes."""
    return graph.predict({name: value.astype(graph.inputs[name].dtype, copy=False) for name, value in feed.items()})
