"""The graphs of an export as a transducer."""

from __future__ import annotations

from typing import Any

import numpy as np

from heylook_core.errors import LoadFailed
from heylook_core.speech.logmel import LogMel
from heylook_core.speech.tdt.network import Prediction, Step, TdtNetwork
from heylook_core.spoken import SAMPLE_RATE
from heylook_onnx_stt.sessions import Graph
from heylook_onnx_stt.soundness import sizes

WINDOW_SECONDS = 15
TOP = 8  # of the likeliest tokens are told

Array = np.ndarray[Any, Any]


class Taken:
    """A token that the prediction network is given, and the states before and after it.

    Prediction and joint network are one graph: the states after a token come with the first frame that it is joined to.
    """

    __slots__ = ("after", "before", "token")

    def __init__(self, token: int, before: tuple[Array, Array]) -> None:
        self.token = np.array([[token]], np.int32)
        self.before = before
        self.after: tuple[Array, Array] | None = None


class OnnxNetwork(TdtNetwork):
    """Outputs and states of predictions are both `Taken`."""

    window = WINDOW_SECONDS * SAMPLE_RATE

    def __init__(self, encoder: Graph, decoder: Graph, features: int, pieces: int) -> None:
        """Raises LoadFailed where the graphs are not what they have to be."""
        self.blank = pieces
        self._encoder = encoder
        self._decoder = decoder
        self._sizes = sizes(encoder, decoder, features, pieces + 1)
        self._log_mel = LogMel(features)
        self._one = np.array([1], np.int32)
        self._start = np.zeros((self._sizes.layers, 1, self._sizes.units), np.float32)

    def encode(self, samples: Array) -> Array:
        mel, length = self._log_mel(samples)
        if length == 0:
            return np.zeros((0, self._sizes.frame), np.float32)
        feed = {"audio_signal": mel[None], "length": np.array([length], np.int64)}
        frames, lengths = self._encoder.run(("outputs", "encoded_lengths"), feed)
        return np.ascontiguousarray(frames[0, :, : int(lengths[0])].T)

    def predict(self, token: int, state: Taken | None) -> Prediction:
        if state is None:
            taken = Taken(token, (self._start, self._start))
        else:
            taken = Taken(token, self._after(state))
        return Prediction(taken, taken)

    def _after(self, state: Taken) -> tuple[Array, Array]:
        if state.after is None:
            self._logits(np.zeros(self._sizes.frame, np.float32), state)
        if state.after is None:
            raise RuntimeError("the decoder gave no states")
        return state.after

    def join(self, frame: Array, output: Taken) -> Step:
        logits = self._logits(frame, output)
        tokens, durations = logits[: self.blank + 1], logits[self.blank + 1 :]
        top = np.argpartition(tokens, -TOP)[-TOP:] if len(tokens) > TOP else np.arange(len(tokens))
        top = top[np.argsort(-tokens[top], kind="stable")]
        best = int(top[0])
        probability = 1.0 / float(np.exp(tokens - tokens[best]).sum())
        return Step(
            best, probability, int(durations.argmax()), tuple((int(token), float(tokens[token])) for token in top)
        )

    def _logits(self, frame: Array, taken: Taken) -> Array:
        feed = {
            "encoder_outputs": frame.reshape(1, -1, 1),
            "targets": taken.token,
            "target_length": self._one,
            "input_states_1": taken.before[0],
            "input_states_2": taken.before[1],
        }
        found, first, second = self._decoder.run(("outputs", "output_states_1", "output_states_2"), feed)
        taken.after = (first, second)
        logits: Array = found.reshape(-1)
        return logits


def warm_up(network: OnnxNetwork) -> None:
    """Compute a second of silence. Raises LoadFailed where the graphs break, or do not give what they say."""
    try:
        frames = network.encode(np.zeros(SAMPLE_RATE, np.float32))
        if len(frames):
            network.join(frames[0], network.predict(network.blank, None).output)
    except MemoryError:
        raise
    except Exception as error:
        raise LoadFailed(f"The model could be loaded, but breaks when it listens ({error}).") from error
    if not 12 <= len(frames) <= 14:
        raise LoadFailed(
            f"The encoder makes {len(frames)} frames of a second, but 12 or 13 were expected: its frames are not 80 ms."
        )
