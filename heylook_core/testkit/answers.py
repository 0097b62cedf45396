"""Greedy answers that are compared up to where rounding decides: for models of random weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Nats. Sums of float32 in another order differ by a hundredth of this.
LEVEL = 1e-3


class Answer:
    """Tokens (ids or texts), and by how many nats each was better than the next best.

    Two answers are equal if they have the same tokens, or the same up to one where the best two were level: which of
    these comes first depends on the processor and on the rows of a batch, and what follows it says nothing.
    """

    def __init__(self, ids: Sequence[int | str], leads: Sequence[float]) -> None:
        self.ids = list(ids)
        self.leads = list(leads)

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answer):
            return NotImplemented
        for one, two, lead, other_lead in zip(self.ids, other.ids, self.leads, other.leads, strict=False):
            if one != two:
                return min(lead, other_lead) < LEVEL
        return len(self.ids) == len(other.ids)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return " ".join(f"{id!r}+{lead:.4f}" for id, lead in zip(self.ids, self.leads, strict=True))


def answer_of(choice: dict[str, Any]) -> Answer:
    """That of a choice in OpenAI's form, asked for with `logprobs` and `top_logprobs` of 2 or more."""
    tokens = choice["logprobs"]["content"]
    tops = [[entry["logprob"] for entry in token["top_logprobs"]] for token in tokens]
    return Answer([token["token"] for token in tokens], [top[0] - top[1] for top in tops])
