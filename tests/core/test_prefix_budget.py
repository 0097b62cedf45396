"""Memory of kept prefixes: within the budget at every turn, whatever is asked, and given back in the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

import pytest

from heylook_core.catalog import Catalog
from heylook_core.engine import Snapshot
from heylook_core.messages import ChatRequest, Event, Finished, Message, Role, Sampling, TextPart
from heylook_core.plugins import Plugins
from heylook_core.prefix.cache import PrefixCache
from heylook_core.provider import ModelSpec
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, Settings
from heylook_core.testkit.toy import ToyConfig, ToyModel, ToyProvider

REQUESTS = 2000
BUDGET = 200_000


class Loop:
    """The turn loop over a toy model, fed with random conversations, at most eight at a time."""

    def __init__(self, seed: int, trims: bool) -> None:
        from heylook_core.batching.loop import TurnLoop
        from heylook_core.text.prompt import Preparation
        from heylook_core.workers.protocol import Lease

        config = ToyConfig(answer_tokens=6, trims=trims)
        model = ToyProvider(ModelSpec(id="m", provider="toy"), config).load()
        assert isinstance(model, ToyModel)
        self.chance = random.Random(seed)
        self.preparation = Preparation(model.info, model.codec, config)
        self.loop = TurnLoop(model, Lease(kept=BUDGET), self.emit, self.ended)
        self.running: set[int] = set()
        self.finished: list[Finished] = []
        self.talks = [self.opening() for _ in range(12)]

    def opening(self) -> list[str]:
        return [f"{self.chance.choice(('be brief', 'be kind and tell all that you know'))} {self.chance.random()}"]

    def emit(self, rid: int, events: Iterable[Event]) -> None:
        self.finished += [event for event in events if isinstance(event, Finished)]

    def ended(self, rid: int) -> None:
        self.running.discard(rid)

    def submit(self, rid: int) -> None:
        number = self.chance.randrange(len(self.talks))
        talk = self.talks[number]
        if len(talk) > 9 or self.chance.random() < 0.1:
            talk = self.talks[number] = self.opening()
        talk += [f"and {self.chance.random()}", "then " * self.chance.randrange(1, 9)]
        roles: tuple[Role, ...] = ("user", "assistant")
        messages = tuple(Message(roles[at % 2], (TextPart(text),)) for at, text in enumerate(talk[:-1]))
        n = self.chance.choice((1, 1, 1, 2))
        request = ChatRequest(model="m", messages=messages, sampling=Sampling(temperature=0), max_tokens=8, n=n)
        self.running.add(rid)
        self.loop.submit(self.preparation.prepare(rid, request, 0.0))

    def leave_some(self) -> None:
        """A client may go at any moment."""
        if self.running and self.chance.random() < 0.02:
            self.loop.cancel(self.chance.choice(sorted(self.running)))

    def check(self) -> None:
        kept = self.loop.cache.kept()
        gauges = self.loop.gauges()
        assert gauges.kept == sum(snapshot.nbytes for snapshot in kept) <= self.loop.cache.budget
        assert gauges.entries == len(kept)
        assert gauges.live <= self.loop.model.lanes()[0].rows


@pytest.mark.parametrize("trims", [True, False])
def test_two_thousand_random_requests_stay_within_the_budget(trims: bool) -> None:
    driven = Loop(7, trims)
    for rid in range(REQUESTS):
        driven.submit(rid)
        while len(driven.running) >= 8 or (rid == REQUESTS - 1 and driven.running):
            driven.leave_some()
            driven.loop.turn()
            driven.check()
    gauges = driven.loop.gauges()
    assert (gauges.live, gauges.live_kv, gauges.queued) == (0, 0, 0)
    assert len(driven.finished) >= REQUESTS
    assert gauges.evicted > BUDGET
    assert gauges.hits > REQUESTS / 10
    driven.loop.cache.clear()
    assert driven.loop.gauges().kept == 0


def test_a_smaller_lease_is_kept_at_once() -> None:
    from heylook_core.workers.protocol import Lease

    driven = Loop(8, True)
    for rid in range(40):
        driven.submit(rid)
        while driven.running:
            driven.loop.turn()
    assert driven.loop.gauges().kept > BUDGET // 4
    driven.loop.set_lease(Lease(kept=BUDGET // 4))
    driven.check()
    driven.loop.set_lease(Lease(kept=0))
    assert driven.loop.gauges().kept == 0


@pytest.mark.parametrize("trims", [True, False])
@pytest.mark.parametrize("answering", [True, False])
def test_what_a_cancelled_request_has_computed_is_kept(
    trims: bool, answering: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heylook_core.batching.pace.PrefillPace.budget", lambda *known: 32)
    driven = Loop(3, trims)

    def submit(rid: int) -> int:
        message = Message("user", (TextPart("so much to say " * 20),))
        request = ChatRequest(model="m", messages=(message,), sampling=Sampling(temperature=0), max_tokens=200)
        prepared = driven.preparation.prepare(rid, request, 0.0)
        driven.loop.submit(prepared)
        return len(prepared.tokens)

    length = submit(1)
    (running,) = driven.loop._choices()
    while running.held < 100 or (answering and not running.decoding):
        driven.loop.turn()
    held = running.held
    assert (held == length) == answering
    driven.loop.cancel(1)
    assert max(len(snapshot.tokens) for snapshot in driven.loop.cache.kept()) >= held > 0
    submit(2)
    while not driven.loop.idle:
        driven.loop.turn()
    assert driven.finished[0].reason == "cancelled"
    cached = driven.finished[1].usage.cached
    assert cached == min(held, length - 1) if trims else 0 < cached <= held


class Held(Snapshot):
    """Bytes that count themselves, as a buffer of an engine does."""

    total = 0

    def __init__(self, tokens: list[int]) -> None:
        import numpy as np

        self.tokens = np.asarray(tokens, np.int32)
        self.nbytes = 10 * len(tokens)
        Held.total += self.nbytes

    def cut(self, n: int) -> Snapshot | None:
        return self if n == len(self.tokens) else None

    def drop(self) -> None:
        Held.total -= self.nbytes


def test_every_snapshot_that_leaves_is_dropped_once() -> None:
    chance = random.Random(1)
    cache = PrefixCache(2000, trims=False)
    for _ in range(REQUESTS):
        cache.keep(Held([chance.randrange(3) for _ in range(chance.randrange(60))]))
        assert Held.total == cache.nbytes <= 2000
    cache.clear()
    assert Held.total == 0


def test_eviction_is_told_as_a_hook_and_unloading_gives_everything_back() -> None:
    class Told:
        """What the hook was called with."""

        def __init__(self) -> None:
            self.evicted: list[int] = []

        from heylook_core.hookspecs import hookimpl

        @hookimpl
        def prefix_evicted(self, model_id: str, nbytes: int) -> None:
            assert model_id == "toy"
            self.evicted.append(nbytes)

    async def whole() -> None:
        entry = ModelEntry(id="toy", provider="toy", placement="thread")
        settings = Settings(models=(entry,), prefix_cache_bytes=20_000)
        plugins = Plugins()
        plugins.add("told", told)
        serving = Serving(settings, Catalog(settings, plugins), plugins)
        await serving.start()
        try:
            for number in range(8):
                text = f"{number} " + "tell me more " * 20
                message = Message("user", (TextPart(text),))
                request = ChatRequest(model="toy", messages=(message,), max_tokens=4)
                run = await serving.open(request, request_id="r", dialect="test")
                await run.collect()
                run.close()
            (state,) = await serving.residency.refreshed()
            assert 0 < state.gauges.kept <= 20_000
            assert sum(told.evicted) == state.gauges.evicted > 0
            await serving.unload("toy")
            assert serving.residency.states() == []
        finally:
            await serving.close(grace=10.0)

    told = Told()
    asyncio.run(whole())
