"""The memory tier of prefix reuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.engine import Snapshot
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


class Counted(ToySnapshot):
    """One that tells how often it was cut, and may say that it lies in a slot."""

    cuts = 0
    slot = False

    @property
    def in_place(self) -> bool:
        return self.slot

    def cut(self, n: int) -> Snapshot | None:
        self.cuts += 1
        return super().cut(n)


def counted(tokens: list[int], slot: bool = False) -> Counted:
    made = Counted(tokens, [b"x" * 8] * len(tokens), True)
    made.slot = slot
    return made


def test_of_equals_the_one_in_a_slot_with_the_smallest_suffix_is_taken() -> None:
    cache = PrefixCache(1 << 20, trims=True)
    on_host, long_slot, short_slot = counted([1, 2, 9]), counted([1, 2, 3, 4, 5], True), counted([1, 2, 6], True)
    for one in (long_slot, short_slot, on_host):
        cache.keep(one)
    assert cache.find([1, 2, 8]).n == 2
    assert (on_host.cuts, long_slot.cuts, short_slot.cuts) == (0, 0, 1)


def test_one_kept_prefix_serves_many_requests_at_once() -> None:
    cache = PrefixCache(1 << 20, trims=True)
    cache.keep(snapshot([1, 2, 3, 4]))
    hits = [cache.find([1, 2, 3, number]) for number in range(5, 15)]
    assert [hit.n for hit in hits] == [3] * 10
    assert len(cache) == 1


def test_a_lookup_costs_one_comparison_for_each_kept_state_and_one_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it takes microseconds: no loop over tokens, and nothing is copied but what is used."""
    compared: list[int] = []

    def counting(one: Any, other: Any) -> int:
        compared.append(1)
        return common_prefix(one, other)

    cache = PrefixCache(1 << 40, trims=True)
    kept = [counted([number, *range(32_000)]) for number in range(8)]
    for one in kept:
        cache.keep(one)
    monkeypatch.setattr("heylook_core.prefix.cache.common_prefix", counting)
    assert cache.find([3, *range(20_000), 7, 7]).n == 20_001
    assert len(compared) == len(kept)
    assert sum(one.cuts for one in kept) == 1


def test_long_conversations_that_nobody_goes_on_with_make_room_for_those_that_go_on() -> None:
    cache = PrefixCache(BYTES_PER_TOKEN * 2000, trims=True)
    for number in range(3):
        cache.keep(snapshot([number] * 600))
    reused: list[int] = []
    for turn in range(20):
        for talk in range(4):
            tokens = [10, 20 + talk] * (50 + 5 * turn)
            reused.append(cache.find(tokens).n)
            cache.keep(snapshot(tokens))
    assert reused[-8:] == [100 + 10 * turn for turn in (17, 18) for _ in range(4)]


def test_what_was_just_kept_is_there_for_the_next_request_however_short_it_is() -> None:
    cache = PrefixCache(BYTES_PER_TOKEN * 100, trims=True)
    cache.keep(snapshot([1] * 60))
    cache.keep(snapshot([2] * 30))
    cache.keep(snapshot([3] * 20))
    assert cache.find([3] * 21).n == 20
    assert cache.shrink(0) > 0
    assert len(cache) == 0


def test_a_shorter_state_is_used_and_the_longer_one_told_where_states_cannot_be_cut() -> None:
    cache = PrefixCache(1 << 20, trims=False)
    cache.keep(snapshot([1] * 5, trims=False))
    cache.keep(snapshot([1] * 9, trims=False))
    hit = cache.find([1] * 8 + [2])
    assert (hit.n, hit.differs) == (5, False)
    assert "shares 8 tokens but cannot be cut" in hit.why


def test_the_last_holder_of_a_long_shared_beginning_outlives_more_recent_ones() -> None:
    system = list(range(100, 200))
    cache = PrefixCache(BYTES_PER_TOKEN * 330, trims=True)
    cache.keep(snapshot([*system, 1]))
    cache.keep(snapshot([*system, 2]))
    for number in range(3, 9):
        cache.keep(snapshot([number] * 100))
    assert cache.find([*system, 9]).n == 100
