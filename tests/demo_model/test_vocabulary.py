"""The vocabulary: words are in the same pieces everywhere, and both engines cut text alike."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("tokenizers", reason="tokenizers comes with heylook-mlx")

from tools.demo_model.corpus import FIRST, MAIN, conversations
from tools.demo_model.packing import EMPTY, STEPS_PER_BLOCK, batches, encoded
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


def test_rows_are_well_filled_and_of_one_length(tokenizer):
    block = list(itertools.islice(batches(0, tokenizer, 2048, first=0), STEPS_PER_BLOCK))
    assert {batch.ids.shape for batch in block} == {(4, 513), (2, 1025)}
    assert sum((batch.parts != EMPTY).mean() for batch in block) / len(block) > 0.85
    assert any((batch.ids[batch.learned] == END_OF_TURN).any() for batch in block)


def test_no_token_sees_another_conversation(tokenizer):
    batch = next(batches(0, tokenizer, 2048, first=0))
    mask = batch.mask()
    assert mask.shape[1:] == (1, batch.ids.shape[1] - 1, batch.ids.shape[1] - 1)
    for row, parts in enumerate(batch.parts[:, :-1]):
        for place in range(0, len(parts), 37):
            seen = mask[row, 0, place].nonzero()[0]
            assert seen.max() == place
            assert set(parts[seen]) == {parts[place]}


def test_the_first_token_of_a_conversation_is_never_to_be_said(tokenizer):
    batch = next(batches(0, tokenizer, 2048, first=0))
    begins = batch.parts[:, 1:] != batch.parts[:, :-1]
    assert begins.any()
    assert not (batch.learned[:, 1:] & begins).any()


def test_training_goes_on_in_the_middle_with_the_same_batches(tokenizer):
    whole = list(itertools.islice(batches(0, tokenizer, 2048, first=64), STEPS_PER_BLOCK + 6))
    later = list(itertools.islice(batches(0, tokenizer, 2048, first=64, begin=STEPS_PER_BLOCK + 3), 3))
    assert [one.ids.tolist() for one in later] == [one.ids.tolist() for one in whole[-3:]]
