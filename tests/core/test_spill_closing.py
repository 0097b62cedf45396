"""How kept prefixes leave memory for a tier: in which order, held once, and not at all where nobody takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from heylook_core.engine import Snapshot
from heylook_core.errors import PluginError
from heylook_core.prefix import spill
from heylook_core.prefix.cache import PrefixCache
from heylook_core.prefix.figures import TierFigures
from heylook_core.prefix.spill import Spill
from heylook_core.prefix.tier import Found, PrefixTier, Stored
from heylook_core.testkit.toy import ToyConfig, ToyModel

BYTES = 1000


class Shelf(PrefixTier):
    """Keeps the tokens it is given in a list; `open` lets it write."""

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()

    def probe(self, tokens: np.ndarray[Any, Any]) -> Found | None:
        return None

    def fetch(self, key: str) -> Stored | None:
        return None

    def put(self, tokens: Sequence[int], header: dict[str, Any], buffers: list[memoryview]) -> bool:
        assert self.open.wait(10)
        self.taken.append(list(tokens))
        return True

    def clear(self) -> None:
        self.taken.clear()

    def figures(self) -> TierFigures:
        return TierFigures(len(self.taken))


class State(Snapshot):
    """Counts the states that were neither dropped nor exported, and those that were exported and are not dropped."""

    held = 0
    exported = 0

    def __init__(self, *tokens: int) -> None:
        self.tokens = np.asarray(tokens, np.int32)
        self.nbytes = BYTES
        State.held += 1

    def cut(self, n: int) -> Snapshot | None:
        return self if n == len(self.tokens) else None

    def export(self) -> tuple[dict[str, Any], list[memoryview]]:
        State.exported += 1
        return {}, [memoryview(bytes(BYTES))]

    def drop(self) -> None:
        State.held -= 1


@pytest.fixture(autouse=True)
def nothing_held() -> None:
    State.held = State.exported = 0


def spilling(open_tier: Callable[[], PrefixTier], budget: int = 1 << 20) -> tuple[Spill, PrefixCache]:
    engine = ToyModel(ToyConfig()).lanes()[0]
    leaving: list[Spill] = []
    cache = PrefixCache(budget, trims=False, on_evict=lambda snapshot: leaving[0].evicted(snapshot))
    leaving.append(Spill(open_tier, engine, cache, lambda action: action()))
    return leaving[0], cache


def test_what_was_used_last_is_written_last_so_that_a_small_tier_keeps_it() -> None:
    shelf = Shelf()
    moving, cache = spilling(lambda: shelf)
    for number in (1, 2, 3):
        cache.keep(State(number, number))
    cache.find([1, 1, 9])
    moving.evicted(State(7))
    moving.close(10.0)
    assert shelf.taken == [[7], [2, 2], [3, 3], [1, 1]]
    assert (State.held, len(cache)) == (0, 0)


def test_at_the_end_no_more_is_exported_than_may_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "MOST_PENDING_BYTES", 2 * BYTES)
    shelf = Shelf()
    moving, cache = spilling(lambda: shelf)
    for number in range(6):
        cache.keep(State(number))
    shelf.open.clear()
    moving.close(0.3)
    assert 2 <= State.exported <= 3
    assert State.held == 0
    shelf.open.set()


def test_a_slow_tier_is_given_what_it_has_room_for_and_then_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "MOST_PENDING_BYTES", 2 * BYTES)
    shelf = Shelf()
    moving, cache = spilling(lambda: shelf)
    shelf.open.clear()
    for number in range(4):
        moving.evicted(State(number))
        moving.export_one()
    assert State.exported == 2
    shelf.open.set()
    for number in range(4, 8):
        cache.keep(State(number))
    moving.close(10.0)
    assert shelf.taken[-4:] == [[4], [5], [6], [7]]
    assert State.held == 0


def test_nothing_is_exported_for_a_tier_that_refuses() -> None:
    def refuse() -> PrefixTier:
        raise PluginError("The folder is in use.")

    moving, cache = spilling(refuse)
    arrived = threading.Event()
    moving.ask([1], arrived.set)
    assert arrived.wait(10)
    assert moving.refused == "The folder is in use."
    moving.evicted(State(1))
    moving.export_one()
    cache.keep(State(2))
    moving.close(10.0)
    assert (State.exported, State.held) == (0, 0)


def test_a_tier_that_refused_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was killed and started anew may come before the old one's worker has let go of the folder."""
    monkeypatch.setattr(spill, "RETRY_SECONDS", 0.0)
    shelf, answers = Shelf(), iter([PluginError("The folder is in use."), None])

    def refuse_once() -> PrefixTier:
        if error := next(answers):
            raise error
        return shelf

    moving, cache = spilling(refuse_once)
    arrived = threading.Event()
    moving.ask([1], arrived.set)
    assert arrived.wait(10)
    assert moving.refused == ""
    cache.keep(State(2))
    moving.close(10.0)
    assert shelf.taken == [[2]]


def test_what_waits_to_be_written_is_forgotten_with_the_rest() -> None:
    shelf = Shelf()
    moving, _ = spilling(lambda: shelf)
    moving.evicted(State(1))
    moving.clear()
    moving.close(10.0)
    assert (shelf.taken, State.exported, State.held) == ([], 0, 0)
