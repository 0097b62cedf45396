"""Conversations cut into tokens and laid into rows of one length, several in a row, none looking at another."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from tools.demo_model.conversation import Conversation
from tools.demo_model.corpus import FIRST, MAIN, Shares, conversations

LENGTHS = (512, 1024)
STEPS_PER_BLOCK = 64
EMPTY = -1

Array = np.ndarray[Any, Any]


class Encoded(NamedTuple):
    """Token ids, and of each whether the model has to say it."""

    ids: list[int]
    learned: list[bool]


class Batch(NamedTuple):
    """Rows of one length, each array (rows, length + 1). `parts` numbers the conversations of a row."""

    ids: Array
    learned: Array
    parts: Array

    def mask(self) -> Array:
        """(rows, 1, length, length): each token sees those before it in its own conversation."""
        parts = self.parts[:, :-1]
        same = parts[:, :, None] == parts[:, None, :]
        found: Array = (same & np.tri(parts.shape[1], dtype=bool))[:, None]
        return found


def encoded(conversation: Conversation, tokenizer: Tokenizer) -> Encoded:
    pieces = conversation.pieces()
    ids: list[int] = []
    learned: list[bool] = []
    texts = [piece.text for piece in pieces]
    for piece, found in zip(pieces, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True):
        ids += found.ids
        learned += [piece.learned] * len(found.ids)
    return Encoded(ids, learned)


def batches(seed: int, tokenizer: Tokenizer, tokens: int, *, first: int, begin: int = 0) -> Iterator[Batch]:
    """The batch of every step from `begin` on; `first` steps are of the beginning's mix.

    Each block of steps is made from the seed and its own number, so training goes on anywhere without a state.
    """
    step = begin
    while True:
        block = step // STEPS_PER_BLOCK
        shares = FIRST if block * STEPS_PER_BLOCK < first else MAIN
        for batch in _block(f"{seed} {block}", tokenizer, tokens, shares)[step % STEPS_PER_BLOCK :]:
            yield batch
            step += 1


def _block(seed: str, tokenizer: Tokenizer, tokens: int, shares: Shares) -> list[Batch]:
    """`STEPS_PER_BLOCK` batches of about `tokens` tokens, of all lengths, in an order by chance."""
    waiting: dict[int, list[Encoded]] = {length: [] for length in LENGTHS}
    wanted, size = STEPS_PER_BLOCK * tokens, 0
    for conversation in conversations(seed, shares):
        found = encoded(conversation, tokenizer)
        found = Encoded(found.ids[: LENGTHS[-1] + 1], found.learned[: LENGTHS[-1] + 1])
        waiting[next(length for length in LENGTHS if len(found.ids) <= length + 1)].append(found)
        size += len(found.ids)
        if size >= wanted:
            made = [batch for length in LENGTHS for batch in _filled(waiting[length], length, tokens // length)]
            if len(made) >= STEPS_PER_BLOCK:
                break
            wanted += 2 * tokens
    random.Random(seed).shuffle(made)
    return made[:STEPS_PER_BLOCK]


def _filled(waiting: list[Encoded], length: int, rows: int) -> list[Batch]:
    """As many whole batches as there are rows for."""
    packed = _rows(waiting, length)
    return [_batch(packed[begin : begin + rows], length) for begin in range(0, len(packed) - rows + 1, rows)]


def _rows(waiting: list[Encoded], length: int) -> list[list[Encoded]]:
    """Longest first, each into the fullest row that has room."""
    rows: list[list[Encoded]] = []
    room: list[int] = []
    for one in sorted(waiting, key=lambda one: -len(one.ids)):
        fitting = [place for place, left in enumerate(room) if left >= len(one.ids)]
        if fitting:
            place = min(fitting, key=room.__getitem__)
            rows[place].append(one)
            room[place] -= len(one.ids)
        else:
            rows.append([one])
            room.append(length + 1 - len(one.ids))
    return rows


def _batch(rows: list[list[Encoded]], length: int) -> Batch:
    ids = np.zeros((len(rows), length + 1), np.int64)
    learned = np.zeros((len(rows), length + 1), bool)
    parts = np.full((len(rows), length + 1), EMPTY, np.int64)
    for number, row in enumerate(rows):
        place = 0
        for part, one in enumerate(row):
            end = place + len(one.ids)
            ids[number, place:end] = one.ids
            learned[number, place:end] = one.learned
            learned[number, place] = False
            parts[number, place:end] = part
            place = end
    return Batch(ids, learned, parts)
