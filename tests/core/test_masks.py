"""A mask has the bits of its tokens, and is made once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.text.masks import KEPT, MadeOfMasks, Mask, Masks, packed

SIZE, ENDS = 37, frozenset({3, 36})


def tokens_of(mask: Mask) -> set[int]:
    return set(np.flatnonzero(np.unpackbits(mask, bitorder="little")).tolist())


@given(st.frozensets(st.integers(0, 63)), st.booleans())
def test_ends_come_with_acceptance_or_where_nothing_else_is_left(tokens: frozenset[int], accepting: bool):
    found = tokens_of(Masks(SIZE, ENDS).of(packed(tokens, 64).tobytes(), accepting))
    inside = {token for token in tokens if token < 40} - ENDS
    assert found == (inside | ENDS if accepting or not inside else inside)


def test_equal_sets_are_one_object_and_others_are_not():
    masks = Masks(SIZE, ENDS)
    first = masks.of(packed({1, 2}, 40).tobytes(), False)
    assert masks.of(packed({1, 2}, 40).tobytes(), False) is first
    assert masks.of(packed({1, 2}, 40).tobytes(), True) is not first


def test_what_is_made_of_a_mask_is_made_once_and_never_for_another():
    made: list[set[int]] = []

    def make(mask: Mask) -> int:
        made.append(tokens_of(mask))
        return len(made)

    of = MadeOfMasks(make)
    many = [packed({token}, SIZE) for token in range(SIZE)]
    assert [of.of(many[0]), of.of(many[0])] == [1, 1]
    assert of.of(many[0].copy()) == 2, "an equal mask that is another object may be changed by its owner"
    for mask in many[: KEPT + 1]:
        of.of(mask)
    assert of.of(many[KEPT]) == len(made)
    assert made[0] == made[1] == {0}
