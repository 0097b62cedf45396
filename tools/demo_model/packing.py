"""Conversations cut into tokens and laid one after another until a step is full, none looking at another."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from tools.demo_model.conversation import Conversation
from tools.demo_model.corpus import FIRST, MAIN, Shares, conversations

STEPS_PER_BLOCK = 64

Array = np.ndarray[Any, Any]


class Encoded(NamedTuple):
    """Token ids, and of each whether the model has to say it."""

    ids: list[int]
    learned: list[bool]


class Batch(NamedTuple):
    """The conversations of a step, one after another: two arrays (tokens,), and how many tokens each has."""

    ids: Array
    learned: Array
    lengths: list[int]


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
    """The batch of every step from `begin` on, none above `tokens`; `first` steps are of the beginning's mix.

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
    """`STEPS_PER_BLOCK` batches in an order by chance. Longest first, each into the fullest batch that has room."""
    packed: list[list[Encoded]] = [[] for _ in range(STEPS_PER_BLOCK)]
    room = [tokens] * STEPS_PER_BLOCK
    for one in sorted(_enough(seed, tokenizer, tokens, shares), key=lambda one: -len(one.ids)):
        fitting = [place for place, left in enumerate(room) if left >= len(one.ids)]
        if fitting:
            place = min(fitting, key=room.__getitem__)
            packed[place].append(one)
            room[place] -= len(one.ids)
    random.Random(seed).shuffle(packed)
    return [_batch(row) for row in packed]


def _enough(seed: str, tokenizer: Tokenizer, tokens: int, shares: Shares) -> list[Encoded]:
    """Conversations for a block, cut where one is longer than a step."""
    found: list[Encoded] = []
    size = 0
    for conversation in conversations(seed, shares):
        one = encoded(conversation, tokenizer)
        found.append(Encoded(one.ids[:tokens], one.learned[:tokens]))
        size += len(found[-1].ids)
        if size >= STEPS_PER_BLOCK * tokens:
            break
    return found


def _batch(row: list[Encoded]) -> Batch:
    """The first token of a conversation is nobody's to say: there is nothing before it."""
    learned = [flag and place > 0 for one in row for place, flag in enumerate(one.learned)]
    ids = [token for one in row for token in one.ids]
    return Batch(np.array(ids, np.int64), np.array(learned, bool), [len(one.ids) for one in row])
