"""What the engines know of a row, and the logits processors that a sequence needs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

from heylook_core.engine import SequenceTask, Token
from heylook_core.errors import InvalidRequest
from heylook_mlx.constraint import GuidedLogits
from heylook_mlx.logprobs import RawLogits
from heylook_mlx.sampling import Processor, processors
from heylook_mlx.snapshot import MlxSnapshot


class Row:
    """One sequence of an engine.

    `ids` are the prompt as the model knows it. `done` prompt tokens are in the KV cache, `base` of them were when the
    row joined the batch; `kept` is a batch row's state once it has ended.
    """

    def __init__(self, task: SequenceTask, vocabulary: int) -> None:
        self.ids = task.own_ids()
        check(task, self.ids, vocabulary)
        self.task = task
        self.done = self.base = task.cut
        self.decoding = False
        self.kept: MlxSnapshot | None = None
        self.raw: RawLogits | None = None
        self.guided: GuidedLogits | None = None
        self.processors = self._processors(vocabulary)

    def advance(self, done: int) -> None:
        """So many prompt tokens are in caches of its own now: what it began from is not needed any more."""
        self.done = done
        self.task.prefix = None

    @property
    def remaining(self) -> int:
        """Prompt tokens that are still to be computed."""
        return len(self.task.tokens) - self.done

    @property
    def error(self) -> str | None:
        return self.guided.error if self.guided is not None else None

    def scores(self, processed: Any) -> Any:
        """The model's own scores of the token reported now; `processed` are those after the processors."""
        return self.raw.reported if self.raw is not None else processed

    def segments(self) -> list[list[int]]:
        """The prompt after what is in the KV cache, split at the marks."""
        edges = [self.base, *(mark for mark in self.marks if self.base < mark < len(self.ids)), len(self.ids)]
        return [self.ids[start:stop] for start, stop in itertools.pairwise(edges)]

    def keyed(self, tokens: Sequence[int]) -> Sequence[int]:
        """Tokens of this row as the core compares them: pictures by the ids that tell them apart."""
        if not self.task.media:
            return tokens
        return [*self.task.tokens[: len(tokens)], *tokens[len(self.task.tokens) :]]

    @property
    def marks(self) -> list[int]:
        return sorted({mark for mark in self.task.marks if self.task.cut < mark <= len(self.task.tokens)})

    def _processors(self, vocabulary: int) -> list[Processor]:
        task = self.task
        found: list[Processor] = list(processors(task.sampling, vocabulary))
        if task.guide is not None:
            self.guided = GuidedLogits(task.guide, vocabulary, task.eos)
            found.append(self.guided)
        if found and task.top_logprobs is not None:
            self.raw = RawLogits()
            found.insert(0, self.raw)
        return found


def check(task: SequenceTask, ids: Sequence[int], vocabulary: int) -> None:
    """Raise InvalidRequest for what MLX would take and compute nonsense from."""
    if not 0 <= task.cut < len(task.tokens):
        raise InvalidRequest(f"A prompt of {len(task.tokens)} tokens cannot continue a prefix of {task.cut}.")
    if task.limit < 1:
        raise InvalidRequest(f"At least one token has to be generated, not {task.limit}.", param="max_tokens")
    lowest, highest = min(ids), max(ids)
    if lowest < 0 or highest >= vocabulary:
        wrong = lowest if lowest < 0 else highest
        raise InvalidRequest(f"Token {wrong} is not in the model's vocabulary of {vocabulary} tokens.")


def token_out(row: Row, token: int, end: Literal["eos", "length"] | None, measured: Any = None) -> Token:
    if measured is None:
        return Token(row.task.sid, token, end)
    return Token(row.task.sid, token, end, measured[0], measured[1])
