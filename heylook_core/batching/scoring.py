"""Log-probabilities of a prompt's tokens, for any engine that can compute the logits of a stretch of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from heylook_core.engine import Codec
from heylook_core.messages import Event, PromptLogprobs, ScoredToken, TopToken
from heylook_core.provider import Job

# Logits are rows x vocabulary: 64 rows of a vocabulary of 150,000 are 38 MB.
MOST_ROWS = 64


class Scoring(Job):
    """Scores `tokens` in slices. `compute(piece, position)` gives the (len(piece), vocabulary) logits, in float32.

    Called in order, from position 0. From the softmax of the raw logits.
    """

    def __init__(
        self,
        codec: Codec,
        tokens: Sequence[int],
        top: int,
        compute: Callable[[list[int], int], np.ndarray[Any, Any]],
    ) -> None:
        self._codec = codec
        self._tokens = list(tokens)
        self._top = top
        self._compute = compute
        self._position = 0

    def advance(self, tokens: int) -> list[Event]:
        """At most `tokens` tokens; the last token needs no computing, for nothing follows it."""
        scored = [self._scored(0, None)] if self._position == 0 else []
        left, last = tokens, len(self._tokens) - 1
        while left > 0 and self._position < last:
            piece = self._tokens[self._position : min(self._position + min(left, MOST_ROWS), last)]
            for row in self._compute(piece, self._position):
                self._position += 1
                scored.append(self._scored(self._position, row))
            left -= len(piece)
        self.done = self._position >= last
        return [PromptLogprobs(tuple(scored))] if scored else []

    def _scored(self, at: int, row: np.ndarray[Any, Any] | None) -> ScoredToken:
        token, piece = self._tokens[at], self._codec.piece
        if row is None:
            return ScoredToken(piece(token), token)
        peak = float(row.max())
        total = peak + float(np.log(np.exp(row - peak).sum(dtype=np.float64)))
        best: list[int] = []
        if self._top > 0:
            best = np.argpartition(row, -self._top)[-self._top :].tolist()
            best.sort(key=lambda other: (-row[other], other))
        top = tuple(TopToken(piece(other), float(row[other]) - total, other) for other in best)
        return ScoredToken(piece(token), token, float(row[token]) - total, top)
