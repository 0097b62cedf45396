"""States on their way between memory and a tier: read once for many, counted, and not put once they are lost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from heylook_core.batching.loop import TurnLoop
from heylook_core.messages import ChatRequest, Message, TextPart
from heylook_core.prefix.cache import PrefixCache, common_prefix
from heylook_core.prefix.figures import TierFigures
from heylook_core.prefix.spill import Spill
from heylook_core.prefix.tier import Found, PrefixTier, Stored
from heylook_core.testkit.toy import BYTES_PER_TOKEN, ToyConfig, ToyModel, ToySnapshot
from heylook_core.text.prompt import Preparation
from heylook_core.workers.protocol import Lease

PATIENCE = 10.0
STATE = 8


def snapshot(tokens: Sequence[int]) -> ToySnapshot:
    return ToySnapshot(tokens, [bytes(STATE)] * len(tokens), True)


class Shelf(PrefixTier):
    """Keeps entries in memory; waits for `probing` before each look and for `writing` before each put."""

    def __init__(self, *kept: Sequence[int]) -> None:
        self.kept = {str(tuple(tokens)): (list(tokens), Stored(*snapshot(tokens).export())) for tokens in kept}
        self.fetched: list[str] = []
        self.probed = 0
        self.probing = threading.Semaphore(1000)
        self.writing = threading.Event()
        self.writing.set()
        self.faulty = False

    def probe(self, tokens: np.ndarray[Any, Any]) -> Found | None:
        assert self.probing.acquire(timeout=PATIENCE)
        self.probed += 1
        shared = {key: common_prefix(np.asarray(held, np.int32), tokens) for key, (held, _) in self.kept.items()}
        best = max(shared, key=lambda key: shared[key], default=None)
        return Found(best, shared[best]) if best is not None and shared[best] else None

    def fetch(self, key: str) -> Stored | None:
        self.fetched.append(key)
        return self.kept[key][1]

    def put(self, tokens: Sequence[int], header: dict[str, Any], buffers: list[memoryview]) -> bool:
        assert self.writing.wait(PATIENCE)
        self.kept[str(tuple(tokens))] = (list(tokens), Stored(header, buffers))
        return True

    def clear(self) -> None:
        self.kept.clear()

    def figures(self) -> TierFigures:
        if self.faulty:
            raise RuntimeError("no figures today")
        return TierFigures(len(self.kept))


class Desk:
    """A turn loop with a tier behind it. What the io thread posts is done when the test says so."""

    def __init__(self, shelf: Shelf, kept: int = 1 << 20) -> None:
        self.model = ToyModel(ToyConfig())
        self.posted: deque[Callable[[], None]] = deque()
        self.failed: list[int] = []
        self.loop = TurnLoop(self.model, Lease(kept=kept, serial=1), lambda rid, events: None, self.failed.append)
        self.moving = Spill(lambda: shelf, self.model.lanes()[0], self.loop.cache, self.posted.append)
        self.loop.spill = self.moving

    @property
    def cache(self) -> PrefixCache:
        return self.loop.cache

    def work_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline
            if self.posted:
                self.posted.popleft()()
            else:
                time.sleep(0.001)

    def ask(self, prompts: Sequence[Sequence[int]]) -> list[int]:
        """Ask for all; returns a list that gets what memory has for each as it goes on."""
        gone_on: list[int] = []
        for prompt in prompts:
            self.moving.ask(list(prompt), lambda prompt=prompt: gone_on.append(self.cache.likely(prompt)))  # type: ignore[misc]
        return gone_on


def waited_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_requests_that_begin_alike_read_what_is_kept_once() -> None:
    system = list(range(200))
    shelf = Shelf([*system, 1, 2, 3])
    desk = Desk(shelf)
    gone_on = desk.ask([[*system, 7, number] for number in range(8)])
    waited_for(lambda: shelf.probed == 8)
    desk.work_until(lambda: len(gone_on) == 8)
    assert gone_on == [200] * 8
    assert len(shelf.fetched) == 1
    desk.moving.close(PATIENCE)


def test_a_look_that_comes_after_the_arrival_of_what_it_would_find_reads_nothing() -> None:
    system = list(range(200))
    shelf = Shelf([*system, 1, 2, 3])
    shelf.probing = threading.Semaphore(1)
    desk = Desk(shelf)
    gone_on = desk.ask([[*system, 7], [*system, 8]])
    desk.work_until(lambda: len(gone_on) == 1)
    shelf.probing.release(1000)
    desk.work_until(lambda: len(gone_on) == 2)
    assert gone_on == [200, 200]
    assert len(shelf.fetched) == 1
    desk.moving.close(PATIENCE)


def test_one_state_at_a_time_waits_to_be_taken_and_those_that_look_for_none_go_on() -> None:
    shelf = Shelf(*([number] * 100 for number in range(4)))
    desk = Desk(shelf)
    gone_on = desk.ask([*([number] * 101 for number in range(4)), [9] * 101])
    waited_for(lambda: shelf.probed == 5)
    assert len(shelf.fetched) == 1
    assert desk.loop.gauges().kept == desk.moving.nbytes == 100 * STATE
    desk.work_until(lambda: len(gone_on) == 2)
    assert gone_on == [100, 0]
    desk.work_until(lambda: len(gone_on) == 5)
    assert gone_on[2:] == [100] * 3
    assert sorted(shelf.fetched) == sorted(shelf.kept)
    desk.moving.close(PATIENCE)


def test_what_leaves_for_the_tier_counts_until_it_is_written_and_the_smaller_lease_is_confirmed_then() -> None:
    shelf = Shelf()
    desk = Desk(shelf)
    for number in range(3):
        desk.cache.keep(snapshot([number] * 100))
    whole = 300 * BYTES_PER_TOKEN
    assert (desk.loop.gauges().kept, desk.loop.gauges().lease) == (whole, 1)
    shelf.writing.clear()
    desk.loop.set_lease(Lease(kept=100, serial=2))
    assert (desk.loop.gauges().kept, desk.loop.gauges().lease) == (whole, 1)
    while not desk.loop.idle:
        desk.loop.turn()
    assert (desk.loop.gauges().kept, desk.loop.gauges().lease) == (300 * STATE, 1)
    shelf.writing.set()
    desk.work_until(lambda: desk.loop.gauges().kept == 0)
    assert desk.loop.gauges().lease == 2
    desk.moving.close(PATIENCE)


def test_a_lease_that_asks_for_no_kept_bytes_back_is_confirmed_at_once() -> None:
    shelf = Shelf()
    shelf.writing.clear()
    desk = Desk(shelf, kept=100 * BYTES_PER_TOKEN)
    desk.moving.evicted(snapshot([1] * 100))
    desk.cache.keep(snapshot([2] * 100))
    desk.loop.set_lease(Lease(kv=1000, kept=100 * BYTES_PER_TOKEN, serial=2))
    gauges = desk.loop.gauges()
    assert (gauges.kept, gauges.lease) == (200 * BYTES_PER_TOKEN, 2)
    shelf.writing.set()
    desk.moving.close(PATIENCE)


def test_the_engine_thread_is_woken_when_something_was_written() -> None:
    """A worker at rest tells its gauges when it is woken: who waits for the memory learns of it."""
    shelf = Shelf()
    desk = Desk(shelf)
    desk.moving.evicted(snapshot([1] * 100))
    desk.moving.export_one()
    waited_for(lambda: bool(desk.posted))
    assert desk.moving.nbytes == 0
    desk.moving.close(PATIENCE)


def test_what_waits_to_be_exported_when_the_engine_breaks_is_not_put() -> None:
    shelf = Shelf()
    desk = Desk(shelf)
    message = Message("user", (TextPart("[toy:crash]"),))
    preparation = Preparation(desk.model.info, desk.model.codec, ToyConfig())
    desk.loop.submit(preparation.prepare(1, ChatRequest(model="m", messages=(message,)), 0.0))
    for number in range(3):
        desk.moving.evicted(snapshot([number] * 100))
    while not desk.failed:
        desk.loop.turn()
    desk.moving.close(PATIENCE)
    assert shelf.kept == {}


def test_a_state_that_the_engine_has_lost_is_not_put() -> None:
    shelf = Shelf()
    desk = Desk(shelf)
    lost = snapshot([1] * 100)
    lost.nbytes = 0
    desk.moving.evicted(lost)
    desk.moving.export_one()
    desk.moving.close(PATIENCE)
    assert shelf.kept == {}


def test_a_tier_that_fails_to_tell_its_figures_keeps_no_request_waiting() -> None:
    shelf = Shelf([1] * 100)
    shelf.faulty = True
    desk = Desk(shelf)
    for number in (1, 2, 1):
        gone_on = desk.ask([[number] * 101])
        desk.work_until(lambda gone_on=gone_on: len(gone_on) == 1)  # type: ignore[misc]
    assert gone_on == [100]
    desk.moving.close(PATIENCE)
