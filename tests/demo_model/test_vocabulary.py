"""The vocabulary: words are in the same pieces everywhere, and both engines cut text alike."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("tokenizers", reason="tokenizers comes with heylook-mlx")

from tools.demo_model.corpus import FIRST, MAIN, conversations
from tools.demo_model.packing import STEPS_PER_BLOCK, batches, encoded
from tools.demo_model.tokenizer import END_OF_TURN, MARKS, SIZE, learned
from tools.demo_model.words import HELD_OUT, VALIDATION

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def tokenizer():
    return learned(count=1500)


def test_it_is_whole_and_always_the_same(tokenizer):
    assert tokenizer.get_vocab_size() == SIZE
    assert tokenizer.to_str() == learned(count=1500).to_str()


def test_a_name_has_the_same_pieces_wherever_it_stands(tokenizer):
    for word in (*HELD_OUT.names, *VALIDATION.names):
        pieces = tokenizer.encode(word).tokens
        assert tokenizer.encode(f" {word}").tokens == ["\u0120", *pieces]
        assert tokenizer.encode(f'"{word}"').tokens[1:-1] == pieces
        assert tokenizer.encode(f"\n{word}").tokens[1:] == pieces


def test_marks_are_one_token_and_digits_are_single(tokenizer):
    for mark in MARKS:
        assert len(tokenizer.encode(mark).ids) == 1
    assert tokenizer.encode("48213").tokens == list("48213")


@pytest.mark.parametrize("shares", [FIRST, MAIN], ids=["first", "main"])
def test_pieces_one_by_one_are_the_tokens_of_the_whole(tokenizer, shares):
    for conversation in itertools.islice(conversations(4, shares), 100):
        found = encoded(conversation, tokenizer)
        assert found.ids == tokenizer.encode(conversation.text(), add_special_tokens=False).ids
        assert sum(found.learned) > 0
        assert tokenizer.decode(found.ids, skip_special_tokens=False) == conversation.text()


def test_batches_are_full(tokenizer):
    block = list(itertools.islice(batches(0, tokenizer, 2048, first=0), STEPS_PER_BLOCK))
    sizes = [len(batch.ids) for batch in block]
    assert max(sizes) <= 2048
    assert sum(sizes) / len(sizes) > 0.98 * 2048
    for batch in block:
        assert len(batch.learned) == len(batch.ids) == sum(batch.lengths)
        assert (batch.ids[batch.learned] == END_OF_TURN).any()


def test_the_first_token_of_a_conversation_is_never_to_be_said(tokenizer):
    batch = next(batches(0, tokenizer, 2048, first=0))
    begins = list(itertools.accumulate(batch.lengths, initial=0))[:-1]
    assert len(begins) > 1
    assert not batch.learned[begins].any()


def test_training_goes_on_in_the_middle_with_the_same_batches(tokenizer):
    whole = list(itertools.islice(batches(0, tokenizer, 2048, first=64), STEPS_PER_BLOCK + 6))
    later = list(itertools.islice(batches(0, tokenizer, 2048, first=64, begin=STEPS_PER_BLOCK + 3), 3))
    assert [one.ids.tolist() for one in later] == [one.ids.tolist() for one in whole[-3:]]
