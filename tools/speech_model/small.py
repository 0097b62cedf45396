"""The model of `weights` in the shape of the 110m model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tools.speech_model.weights import Weights, weights


def small_weights(width: int = 40) -> Weights:
    """Of the shape of the 110m model: one LSTM, and an encoder of another width."""
    own = weights()
    more = width - own.widen.shape[0]
    return replace(
        own,
        widen=np.pad(own.widen, ((0, more), (0, 0), (0, 0))),
        widen_bias=np.pad(own.widen_bias, (0, more)),
        join_encoder=np.pad(own.join_encoder, ((0, 0), (0, more))),
        lstms=own.lstms[:1],
    )
