"""The model of `weights` computed with numpy: what the files that are exported from it have to give."""

from __future__ import annotations

from typing import Any

import numpy as np

from heylook_core.speech.logmel import LogMel
from heylook_core.speech.tdt.network import Prediction, Step, TdtNetwork
from heylook_core.spoken import SAMPLE_RATE
from tools.speech_model.weights import BLANK, FILTERS, PAD, SUBSAMPLING, TOP, Array, H, Weights, weights


class ReferenceNetwork(TdtNetwork):
    """States are pairs of (LAYERS, 1, H) arrays, outputs (H,)."""

    blank = BLANK
    window = 15 * SAMPLE_RATE

    def __init__(self, own: Weights | None = None) -> None:
        self._weights = own or weights()
        self._log_mel = LogMel(FILTERS)

    def encode(self, samples: Array) -> Array:
        mel, length = self._log_mel(samples)
        return self.encoder(mel)[:, : -(-length // SUBSAMPLING)].T

    def encoder(self, mel: Array) -> Array:
        """(FILTERS, T) -> (D, ceil(T / SUBSAMPLING))"""
        w = self._weights
        notes = sigmoid(convolved(mel, w.contrast) + w.contrast_bias[:, None])
        heard = sigmoid(convolved(np.pad(notes, ((0, 0), PAD)), w.tunes) + w.tunes_bias[:, None])
        frames = heard.shape[1] // SUBSAMPLING
        levels = heard[:, : frames * SUBSAMPLING].reshape(len(heard), frames, SUBSAMPLING).max(axis=2)
        return convolved(levels, w.widen) + w.widen_bias[:, None]

    def predict(self, token: int, state: Any) -> Prediction:
        layers = len(self._weights.lstms)
        hidden, cells = state if state is not None else (np.zeros((layers, 1, H)), np.zeros((layers, 1, H)))
        x = self._weights.embedding[token][None]
        outputs, kept = [], []
        for lstm, h, c in zip(self._weights.lstms, hidden, cells, strict=True):
            i, f, g, o = np.split(x @ lstm.input.T + h @ lstm.recurrent.T + lstm.bias, 4, axis=1)
            cell = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            x = sigmoid(o) * np.tanh(cell)
            outputs.append(x)
            kept.append(cell)
        return Prediction(x[0], (np.stack(outputs), np.stack(kept)))

    def logits(self, frame: Array, output: Array) -> Array:
        w = self._weights
        hidden = np.maximum(w.join_encoder @ frame + w.join_predictor @ output + w.join_bias, 0)
        found: Array = w.out @ hidden + w.out_bias
        return found

    def join(self, frame: Array, output: Array) -> Step:
        logits = self.logits(frame, output)
        tokens, durations = logits[: BLANK + 1], logits[BLANK + 1 :]
        order = np.argsort(-tokens, kind="stable")[:TOP].tolist()
        shares = np.exp(tokens - tokens.max())
        return Step(
            order[0],
            float(shares[order[0]] / shares.sum()),
            int(durations.argmax()),
            tuple((token, float(tokens[token])) for token in order),
        )


def sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-np.clip(x, -60, 60)))
    return found


def convolved(x: Array, kernel: Array) -> Array:
    """(in, T) with (out, in, width) -> (out, T - width + 1)"""
    views = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2], axis=1)
    found: Array = np.einsum("itw,oiw->ot", views, kernel, optimize=True)
    return found
