"""Log-probabilities of generated tokens, for requests that ask for them.

They are the natural logarithm of the model's own distribution: before bias, penalties, constraints, filters and
temperature, as OpenAI's `logprobs` are documented.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import mlx.core as mx

LOWEST = -9999.0
"""Stands for minus infinity, which JSON does not have."""

Measured = tuple[float, tuple[tuple[int, float], ...]]


class RawLogits:
    """A logits processor that changes nothing and remembers the logits of the token that is reported next."""

    def __init__(self) -> None:
        self._seen: deque[mx.array] = deque(maxlen=2)

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        self._seen.append(logits[0])
        return logits

    @property
    def reported(self) -> mx.array:
        """Generation runs one step ahead: the older of the two belongs to the token that comes out now."""
        return self._seen[0]


class Wanted(NamedTuple):
    """A generated token, the scores it was one of (vocabulary), and how many alternatives to tell."""

    token: int
    scores: mx.array
    top: int


def measure(rows: list[Wanted]) -> list[Measured]:
    """The log-probability of each token and of its best alternatives, best first; one evaluation for all rows."""
    pending = [_lazy(row) for row in rows]
    mx.eval(pending)
    return [_read(*arrays) for arrays in pending]


def _lazy(row: Wanted) -> tuple[mx.array, mx.array, mx.array]:
    scores = row.scores.astype(mx.float32)
    logprobs = mx.maximum(scores - mx.logsumexp(scores), LOWEST)
    top = min(row.top, logprobs.size)
    if top <= 0:
        best = mx.array([], dtype=mx.uint32)
    elif top == logprobs.size:
        best = mx.arange(top)
    else:
        best = mx.argpartition(-logprobs, kth=top - 1)[:top]
    return logprobs[row.token], best, logprobs[best]


def _read(chosen: Any, best: Any, values: Any) -> Measured:
    pairs = zip(best.tolist(), values.tolist(), strict=True)
    return float(chosen.item()), tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
