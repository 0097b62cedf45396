"""The arithmetic of the memory budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.quantities import bytes_of, seconds_of, size
from heylook_core.residency.shares import Goal, Share, goals

pytestmark = pytest.mark.unit

SHARES = st.lists(
    st.builds(
        Share,
        fixed=st.integers(0, 500),
        floor=st.integers(0, 100),
        cache=st.sampled_from(["none", "allocated", "grows"]),
        wanted=st.integers(0, 400),
    ),
    max_size=6,
)


@given(SHARES, st.integers(0, 3000), st.integers(0, 1000))
def test_goals_stay_within_the_budget_and_give_everybody_its_least(shares: list[Share], budget: int, kept: int) -> None:
    aims = goals(budget, shares, kept)
    spent = sum(share.fixed + max(aim.kv, share.floor) + aim.kept for share, aim in zip(shares, aims, strict=True))
    assert spent <= max(budget, sum(share.least for share in shares))
    for share, aim in zip(shares, aims, strict=True):
        assert 0 <= aim.kept <= kept
        assert aim.kv >= share.floor if share.cache == "grows" else aim.kv == -1


def test_one_model_has_everything_and_keeps_as_much_as_it_may() -> None:
    assert goals(1000, [Share(200, 100, "grows")], 300) == [Goal(500, 300)]


def test_a_cache_that_is_allocated_needs_no_more_and_shares_what_is_kept() -> None:
    assert goals(1000, [Share(200, 100, "grows"), Share(300, 0, "allocated")], 1000) == [Goal(200, 100), Goal(-1, 200)]


def test_a_model_without_a_cache_takes_no_part() -> None:
    assert goals(1000, [Share(200, 100, "grows"), Share(300)], 1000) == [Goal(300, 200), Goal(-1, 0)]


def test_a_wish_comes_before_the_rest_is_shared_and_not_at_all_where_it_is_impossible() -> None:
    two = [Share(100, 100, "grows", wanted=500), Share(100, 100, "grows")]
    assert goals(1000, two, 0) == [Goal(600, 0), Goal(200, 0)]
    assert goals(700, two, 0) == [Goal(250, 0), Goal(250, 0)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [(5, 5), ("12GB", 12 * 10**9), ("1.5 GiB", 3 << 29), ("512mb", 512 * 10**6), ("7b", 7)],
)
def test_sizes_are_numbers_or_texts(given: int | str, expected: int) -> None:
    assert bytes_of(given) == expected


@pytest.mark.parametrize("given", ["", "12", "12 apples", "-5GB", "GB", 0, -1, "1e9B", "0.0001b"])
def test_what_is_no_size_is_an_error(given: int | str) -> None:
    with pytest.raises(ValueError, match="no size"):
        bytes_of(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(0, 0.0), (2.5, 2.5), ("90", 90.0), ("1h30m", 5400.0), ("250ms", 0.25), (-1, float("inf")), ("-1m", float("inf"))],
)
def test_durations_are_numbers_or_texts_and_below_zero_is_for_ever(given: float | str, expected: float) -> None:
    assert seconds_of(given) == expected


@pytest.mark.parametrize("given", ["", "soon", "5 minutes", "1m30", float("nan"), "auto"])
def test_what_is_no_duration_is_an_error(given: float | str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds_of(given)


@pytest.mark.parametrize(
    ("nbytes", "told"),
    [
        (7, "7 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_600, "1 MB"),
        (8 << 30, "8.59 GB"),
        (5 * 10**15, "5e+03 TB"),
    ],
)
def test_sizes_are_told_in_three_digits(nbytes: int, told: str) -> None:
    assert size(nbytes) == told
