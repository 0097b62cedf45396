"""The memory tier of prefix reuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.prefix.cache import PrefixCache, common_prefix
from heylook_core.testkit.toy import BYTES_PER_TOKEN, ToySnapshot

TOKENS = st.lists(st.integers(0, 2), max_size=12)


def snapshot(tokens: list[int], trims: bool = True) -> ToySnapshot:
    return ToySnapshot(tokens, [b"x" * 8] * len(tokens), trims)


@given(TOKENS, TOKENS)
def test_common_prefix_is_what_a_loop_would_count(one: list[int], other: list[int]) -> None:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    assert common_prefix(np.asarray(one, np.int32), np.asarray(other, np.int32)) == count


@given(st.lists(TOKENS, max_size=6), TOKENS.filter(bool), st.booleans())
def test_a_hit_is_the_longest_usable_prefix_and_never_the_whole_prompt(
    kept: list[list[int]], prompt: list[int], trims: bool
) -> None:
    cache = PrefixCache(1 << 20, trims)
    for tokens in kept:
        cache.keep(snapshot(tokens, trims))
    hit = cache.find(prompt)
    if trims:
        shared = [common_prefix(np.asarray(one, np.int32), np.asarray(prompt, np.int32)) for one in kept]
        best = min(max(shared, default=0), len(prompt) - 1)
    else:
        best = max((len(one) for one in kept if one == prompt[: len(one)] and len(one) < len(prompt)), default=0)
    assert hit.n == best
    assert hit.why
    if hit.snapshot is not None:
        assert hit.snapshot.tokens.tolist() == prompt[: hit.n]
    assert cache.likely(prompt) == best


def test_the_least_recently_used_leaves_when_the_budget_is_full() -> None:
    cache = PrefixCache(BYTES_PER_TOKEN * 8, trims=True)
    cache.keep(snapshot([1, 1, 1, 1]))
    cache.keep(snapshot([2, 2, 2, 2]))
    assert cache.find([1, 1, 1, 9]).n == 3
    cache.keep(snapshot([3, 3, 3, 3]))
    assert cache.nbytes <= cache.budget
    assert cache.find([2, 2, 2, 9]).n == 0
    assert cache.find([1, 1, 1, 9]).n == 3
    assert cache.evicted_bytes == BYTES_PER_TOKEN * 4


def test_what_alone_exceeds_the_budget_is_not_kept() -> None:
    cache = PrefixCache(BYTES_PER_TOKEN * 2, trims=True)
    cache.keep(snapshot([1, 2, 3]))
    assert len(cache) == 0


def test_a_longer_state_replaces_the_shorter_one_that_it_covers() -> None:
    cache = PrefixCache(1 << 20, trims=True)
    cache.keep(snapshot([1, 2]))
    cache.keep(snapshot([1, 2, 3]))
    cache.keep(snapshot([1]))
    assert len(cache) == 1


@pytest.mark.parametrize("trims", [True, False])
def test_every_miss_says_why(trims: bool) -> None:
    cache = PrefixCache(1 << 20, trims)
    assert cache.find([1, 2]).why == "nothing is kept"
    cache.keep(snapshot([5, 6, 7], trims))
    assert "same token" in cache.find([1, 2]).why
    if not trims:
        assert "cannot be cut" in cache.find([5, 6, 8]).why


def test_lookup_of_a_long_prompt_compares_vectors_not_tokens() -> None:
    cache = PrefixCache(1 << 30, trims=True)
    long = list(range(32_000))
    cache.keep(ToySnapshot(long, [b""] * len(long), True))
    assert cache.find([*long[:20_000], 7, 7]).n == 20_000
