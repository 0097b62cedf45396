"""How room is made for a model, step by step, with simulated workers on a clock that jumps."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from heylook_core.errors import HeylookError, LoadFailed, OutOfMemory, Unavailable
from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import Plugins
from heylook_core.provider import Estimate
from heylook_core.residency import Residency, Resident
from heylook_core.residency_events import ResidencyEvent
from heylook_core.settings import ModelEntry, ServerSettings, Settings

from .simulation import JumpingLoop, Memory, SimulatedChannel, Work, ended

BUDGET = 1000
TIMEOUT = 100.0
HOUR = 3600.0


def model(name: str, weights: int = 100, *, pin: bool = False, **config: Any) -> ModelEntry:
    return ModelEntry(id=name, provider="x", pin=pin, config={"weights": weights, "load": 2.0, **config})


class Stage:
    """A residency over simulated workers. `told` is the part of the truth that estimates tell, by model."""

    def __init__(self, **settings: Any) -> None:
        self.chance = random.Random(1)
        self.memory = Memory(BUDGET)
        self.told: dict[str, float] = {}
        self.events: list[ResidencyEvent] = []
        self.started: list[str] = []
        known = {"memory_budget": BUDGET, "max_loaded_models": 9, "prefix_cache_bytes": 1000}
        server = ServerSettings(load_timeout=TIMEOUT, load_backoff=10.0)
        plugins = Plugins()
        plugins.add("stage", self)
        self.residency = Residency(
            Settings(**{**known, "server": server, **settings}),  # type: ignore[arg-type]
            plugins,
            self.channel,
            self.estimate,
            asyncio.get_running_loop().time,
        )
        self.residency.start()

    @hookimpl
    def residency_event(self, event: ResidencyEvent) -> None:
        self.events.append(event)

    def channel(self, entry: ModelEntry, on_turn: Any, on_lost: Any) -> SimulatedChannel:
        self.started.append(entry.id)
        return SimulatedChannel(entry, on_turn, on_lost, self.memory, self.chance)

    async def estimate(self, entry: ModelEntry) -> Estimate | None:
        part = self.told.get(entry.id, 1.0)
        kv = entry.config.get("floor", 0) + entry.config.get("allocated", 0)
        return Estimate(weights=round(entry.config["weights"] * part), kv=kv) if part else None

    # ------------------------------------------------------------------ acting

    async def load(self, entry: ModelEntry) -> None:
        self.residency.release(await self.residency.acquire(entry))

    async def run(self, entry: ModelEntry, cost: int, seconds: float = 1.0) -> Work:
        """A request that has been given to its worker."""
        resident = await self.residency.acquire(entry)
        work = Work(cost, seconds)
        work.done.add_done_callback(lambda done: ended(done, self.residency, resident))
        resident.channel.submit(work)
        return work

    async def refusal(self, entry: ModelEntry) -> HeylookError:
        try:
            await self.load(entry)
        except HeylookError as error:
            return error
        raise AssertionError("it was loaded")

    # ------------------------------------------------------------------ looking

    @property
    def loaded(self) -> list[str]:
        return [state.id for state in self.residency.states() if state.state == "ready"]

    def decisions(self, *kinds: str) -> list[tuple[str, str]]:
        return [(event.decision, event.model) for event in self.events if event.decision in kinds]

    def resident(self, name: str) -> Resident:
        found = self.residency.resident(name)
        assert found is not None
        return found


def play(scenario: Callable[[Stage], Awaitable[None]], **settings: Any) -> Stage:
    async def whole() -> Stage:
        stage = Stage(**settings)
        async with asyncio.timeout(HOUR):
            await scenario(stage)
        for worker in stage.memory.workers:
            worker.closing = True
        assert await stage.residency.close(5.0)
        assert stage.memory.held == 0
        return stage

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(whole())


def now() -> float:
    return asyncio.get_running_loop().time()


# ------------------------------------------------------------------ patience


async def _keep_busy(stage: Stage, entry: ModelEntry, until: float) -> None:
    """Two clients that take turns, so that the model is never idle."""

    async def client(offset: float) -> None:
        await asyncio.sleep(offset)
        while now() < until:
            work = await stage.run(entry, cost=1, seconds=2.0)
            await work.done

    await asyncio.gather(client(0.0), client(1.0))


def test_steady_requests_do_not_keep_a_model_out_for_ever() -> None:
    async def scenario(stage: Stage) -> None:
        busy = asyncio.create_task(_keep_busy(stage, model("busy"), until=60.0))
        await asyncio.sleep(5)
        asked = now()
        await stage.load(model("new"))
        assert 10.0 <= now() - asked < 20.0
        assert ("yielding", "busy") in stage.decisions("yielding")
        await busy
        assert stage.loaded == ["busy"], "requests that came meanwhile were served behind it"

    play(scenario, max_loaded_models=1)


def test_a_request_is_held_back_no_longer_than_the_newcomer_has_waited() -> None:
    """What runs may be a live session of hours: holding requests back does not bring the newcomer in."""

    async def scenario(stage: Stage) -> None:
        session = await stage.run(model("busy"), cost=1, seconds=300.0)
        began = now()
        refused = asyncio.create_task(stage.refusal(model("new")))
        waits = {}
        for moment in (5.0, 11.0, 25.0, 41.0, 90.0):
            await asyncio.sleep(began + moment - now())
            asked = now()
            work = await stage.run(model("busy"), cost=1)
            waits[moment] = now() - asked
            await work.done
        assert waits == pytest.approx({5.0: 0, 11.0: 9, 25.0: 0, 41.0: 39, 90.0: 0}, abs=3)
        assert isinstance(await refused, Unavailable)
        assert len(stage.decisions("yielding")) == 2
        await session.done

    play(scenario, max_loaded_models=1)


def test_one_model_after_the_other_makes_way() -> None:
    async def scenario(stage: Stage) -> None:
        session = await stage.run(model("session"), cost=1, seconds=300.0)
        busy = asyncio.create_task(_keep_busy(stage, model("busy"), until=80.0))
        await asyncio.sleep(5)
        asked = now()
        await stage.load(model("new"))
        assert now() - asked < 60
        assert stage.decisions("yielding") == [("yielding", "session"), ("yielding", "busy")]
        await busy
        await session.done

    play(scenario, max_loaded_models=2)


def test_a_request_at_a_loaded_model_gets_the_memory_that_a_newcomer_waits_to_use() -> None:
    async def scenario(stage: Stage) -> None:
        here = model("here", 600, floor=50)
        first = await stage.run(here, 10, seconds=10)
        await asyncio.sleep(3)
        newcomer = asyncio.create_task(stage.load(model("there", 500)))
        await asyncio.sleep(1)
        asked = now()
        long = await stage.run(here, 300)
        await long.done
        assert now() - asked < 5, "it does not wait until the newcomer gives up"
        await first.done
        await newcomer
        assert stage.loaded == ["there"]

    play(scenario)


def test_no_more_models_leave_than_it_takes() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.load(model("old", 300))
        await stage.load(model("new", 300))
        await stage.load(model("newest", 500))
        await asyncio.sleep(5)
        assert stage.loaded == ["new", "newest"]
        assert stage.decisions("evicted") == [("evicted", "old")]

    play(scenario)


def test_a_pinned_model_never_makes_way() -> None:
    async def scenario(stage: Stage) -> None:
        pinned = await stage.run(model("pinned", pin=True), cost=1, seconds=150.0)
        work = await stage.run(model("other"), cost=1, seconds=150.0)
        refused = asyncio.create_task(stage.refusal(model("new")))
        await asyncio.sleep(20)
        await (await stage.run(model("pinned", pin=True), cost=1)).done
        assert stage.decisions("yielding") == [("yielding", "other")]
        assert isinstance(await refused, Unavailable)
        await asyncio.gather(pinned.done, work.done)

    play(scenario, max_loaded_models=2)


# ------------------------------------------------------------------ the budget


def test_models_are_loaded_side_by_side_where_the_budget_allows_it() -> None:
    async def scenario(stage: Stage) -> None:
        one, two = model("one", 400, load=20.0), model("two", 400, load=20.0)
        tasks = [asyncio.create_task(stage.load(entry)) for entry in (one, two)]
        await asyncio.sleep(1)
        assert stage.decisions("loading") == [("loading", "one"), ("loading", "two")]
        assert stage.loaded == []
        await asyncio.gather(*tasks)
        assert stage.loaded == ["one", "two"]

    play(scenario)


def test_the_second_waits_for_an_eviction_where_it_does_not() -> None:
    async def scenario(stage: Stage) -> None:
        one, two = model("one", 600), model("two", 600)
        await asyncio.gather(stage.load(one), stage.load(two))
        assert stage.loaded == ["two"]
        assert stage.decisions("loading", "evicted") == [("loading", "one"), ("evicted", "one"), ("loading", "two")]

    play(scenario)


def test_a_request_for_a_loaded_model_does_not_wait_behind_a_load() -> None:
    async def scenario(stage: Stage) -> None:
        here, there = model("here", 600), model("there", 600, load=50.0)
        work = await stage.run(here, 1, seconds=30)
        loading = asyncio.create_task(stage.load(there))
        await asyncio.sleep(1)
        began = now()
        await (await stage.run(here, 1, seconds=0.5)).done
        assert now() - began < 1
        assert not loading.done()
        await work.done
        await loading

    play(scenario)


def test_kept_prefixes_are_given_up_before_a_model_is() -> None:
    async def scenario(stage: Stage) -> None:
        here, there = model("here", 200, floor=50), model("there", 500)
        for _ in range(5):
            await (await stage.run(here, 100)).done
        await asyncio.sleep(1)
        assert stage.resident("here").gauges.kept > 300
        await stage.load(there)
        assert stage.loaded == ["here", "there"]
        assert ("shrunk", "here") in stage.decisions("shrunk")
        assert stage.decisions("evicted") == []
        assert stage.resident("here").gauges.kept <= 250

    play(scenario)


def test_a_load_does_not_begin_before_smaller_leases_are_confirmed() -> None:
    async def scenario(stage: Stage) -> None:
        here, there = model("here", 200, floor=50), model("there", 500)
        await stage.load(here)
        await asyncio.sleep(3)
        assert stage.resident("here").charge == BUDGET
        loading = asyncio.create_task(stage.load(there))
        await asyncio.sleep(0)
        while "there" not in stage.started:
            assert not stage.resident("here").confirmed or stage.resident("here").charge > 500
            await asyncio.sleep(0.001)
        assert stage.resident("here").confirmed
        assert stage.resident("here").charge <= 500
        await loading

    play(scenario)


def test_running_rows_keep_what_was_reserved_for_them() -> None:
    async def scenario(stage: Stage) -> None:
        here, there = model("here", 200, floor=50), model("there", 500)
        long = await stage.run(here, 600, seconds=60)
        await asyncio.sleep(3)
        began = now()
        await stage.load(there)
        assert long.done.done()
        assert now() - began > 50

    play(scenario)


def test_what_can_never_fit_is_refused_at_once_and_the_message_has_the_sizes() -> None:
    async def scenario(stage: Stage) -> None:
        began = now()
        refused = await stage.refusal(model("large", 1100, floor=50))
        assert isinstance(refused, OutOfMemory)
        assert "needs 1.15 kB (weights 1.1 kB, KV cache 50 bytes), but memory_budget is 1 kB" in refused.message
        assert now() - began < 1
        await stage.load(model("pinned", 600, pin=True))
        beside = await stage.refusal(model("other", 500))
        assert isinstance(beside, OutOfMemory)
        assert "pinned models hold 600 bytes (pinned)" in beside.message
        assert [event.decision for event in stage.events if event.model == "large"] == ["refused"]

    play(scenario)


def test_without_room_in_time_the_refusal_names_who_is_at_work() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.run(model("busy", 600), 1, seconds=10 * TIMEOUT)
        began = now()
        refused = await stage.refusal(model("other", 500))
        assert type(refused) is Unavailable
        assert refused.message == "No room of 500 bytes for model 'other' within 100 s: busy is at work."
        assert refused.retry_after == 5
        assert TIMEOUT <= now() - began < TIMEOUT + 2
        assert stage.decisions("refused") == [("refused", "other")]
        assert "other" not in stage.started

    play(scenario)


def test_who_gives_up_leaves_the_line_to_the_next() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.run(model("busy", 600), 1, seconds=10 * TIMEOUT)
        first = asyncio.create_task(stage.refusal(model("first", 500)))
        await asyncio.sleep(50)
        await stage.load(model("second", 300))
        assert isinstance(await first, Unavailable)
        assert stage.loaded == ["busy", "second"]

    play(scenario)


def test_models_that_turn_out_larger_than_estimated_make_an_idle_one_leave() -> None:
    async def scenario(stage: Stage) -> None:
        stage.memory.limit = None
        stage.told = {"one": 0.8, "two": 0.8}
        one, two = model("one", 550), model("two", 550)
        await asyncio.gather(stage.load(one), stage.load(two))
        assert stage.memory.most > BUDGET
        await asyncio.sleep(5)
        assert stage.loaded == ["two"]
        assert stage.events[-1].reason == "It was idle and left because the loaded models take more than memory_budget."
        # next time its real size is known
        stage.memory.limit, stage.memory.most = BUDGET, 0
        await stage.load(one)
        assert stage.loaded == ["one"]

    play(scenario)


def test_a_model_without_an_estimate_is_counted_once_it_is_there() -> None:
    async def scenario(stage: Stage) -> None:
        stage.told = {"unknown": 0.0}
        await stage.load(model("unknown", 300, floor=10))
        await asyncio.sleep(3)
        assert stage.resident("unknown").share.least == 310
        await stage.load(model("other", 800))
        assert stage.loaded == ["other"]

    play(scenario)


# ------------------------------------------------------------------ long requests


def test_a_request_that_needs_more_than_its_share_gets_it_from_models_that_are_idle() -> None:
    async def scenario(stage: Stage) -> None:
        here, there = model("here", 200, floor=50), model("there", 300, floor=50)
        await stage.load(there)
        await stage.load(here)
        await asyncio.sleep(3)
        await (await stage.run(here, 420)).done
        assert stage.loaded == ["there", "here"]
        await (await stage.run(here, 700)).done
        assert stage.loaded == ["here"]
        assert stage.events[-1].reason == "It was idle and left for a long request to here."

    play(scenario)


def test_of_two_that_want_more_than_there_is_the_first_is_served_and_the_other_refused() -> None:
    async def scenario(stage: Stage) -> None:
        one, two = model("one", 200, floor=50), model("two", 200, floor=50)
        await asyncio.gather(stage.load(one), stage.load(two))
        await asyncio.sleep(3)
        short = [await stage.run(entry, 10, seconds=5) for entry in (one, two)]
        first = await stage.run(one, 700)
        await asyncio.sleep(1)
        second = await stage.run(two, 700)
        with pytest.raises(Unavailable, match="more than there is"):
            await second.done
        await first.done
        assert all(work.done.done() for work in short)
        assert stage.loaded == ["one"]
        assert now() < TIMEOUT

    play(scenario)


def test_a_wish_that_cannot_be_granted_in_time_is_refused() -> None:
    async def scenario(stage: Stage) -> None:
        one, two = model("one", 200, floor=50), model("two", 200, floor=50)
        await stage.run(two, 10, seconds=10 * TIMEOUT)
        long = await stage.run(one, 700)
        began = now()
        with pytest.raises(Unavailable, match="more than there is"):
            await long.done
        assert TIMEOUT < now() - began < TIMEOUT + 5
        assert stage.loaded == ["two", "one"]

    play(scenario)


def test_what_no_lease_could_hold_is_refused_by_the_worker() -> None:
    async def scenario(stage: Stage) -> None:
        work = await stage.run(model("here", 200, floor=50), 900)
        with pytest.raises(Unavailable, match="more than there is"):
            await work.done

    play(scenario)


# ------------------------------------------------------------------ loads that fail


def failing(name: str, how: type[Exception], times: int) -> tuple[ModelEntry, Callable[[Stage], None]]:
    """A model whose first loads fail, and what makes them."""
    left = [times]

    def install(stage: Stage) -> None:
        original = stage.channel

        def channel(entry: ModelEntry, on_turn: Any, on_lost: Any) -> SimulatedChannel:
            made = original(entry, on_turn, on_lost)
            if entry.id == name and left[0] > 0:
                left[0] -= 1
                start = made.start

                async def refuse(*arguments: Any) -> Any:
                    await start(*arguments)
                    raise how("told to fail")

                made.start = refuse  # type: ignore[method-assign]
            return made

        stage.residency._loads.channel_of = channel

    return model(name, 300), install


def test_a_failed_load_is_remembered_and_tried_again_after_the_backoff() -> None:
    async def scenario(stage: Stage) -> None:
        entry, install = failing("broken", LoadFailed, 1)
        install(stage)
        waiters = await asyncio.gather(*(stage.refusal(entry) for _ in range(4)))
        assert {type(error) for error in waiters} == {LoadFailed}
        assert all("told to fail" in error.message for error in waiters)
        assert stage.memory.held == 0
        again = await stage.refusal(entry)
        assert again.message == "Model 'broken' could not be loaded: told to fail. It is tried again in 10 s."
        assert again.retry_after == 10
        assert stage.started == ["broken"]
        await asyncio.sleep(10)
        await stage.load(entry)
        assert stage.started == ["broken", "broken"]

    play(scenario)


def test_an_administrator_need_not_wait_for_the_backoff_and_neither_does_another_entry() -> None:
    async def scenario(stage: Stage) -> None:
        entry, install = failing("broken", ValueError, 2)
        install(stage)
        await stage.refusal(entry)
        stage.residency.forgive("broken")
        await stage.refusal(entry)
        await stage.load(model("broken", 301))
        assert stage.started == ["broken"] * 3

    play(scenario)


def test_where_memory_runs_out_one_idle_model_leaves_and_the_load_is_tried_once_more() -> None:
    async def scenario(stage: Stage) -> None:
        entry, install = failing("thirsty", OutOfMemory, 1)
        install(stage)
        await stage.load(model("old", 100))
        await stage.load(model("new", 100))
        await stage.load(entry)
        assert stage.loaded == ["new", "thirsty"]
        assert stage.events[-2].reason == "It was idle and left because memory ran out while thirsty was loaded."

    play(scenario)


@pytest.mark.parametrize("others", [0, 2])
def test_memory_that_runs_out_twice_is_a_failed_load(others: int) -> None:
    async def scenario(stage: Stage) -> None:
        entry, install = failing("thirsty", OutOfMemory, 2)
        install(stage)
        for number in range(others):
            await stage.load(model(f"other{number}", 100))
        refused = await stage.refusal(entry)
        assert isinstance(refused, OutOfMemory)
        assert stage.started.count("thirsty") == (2 if others else 1)
        assert len(stage.loaded) == max(others - 1, 0)

    play(scenario)


def test_a_load_that_takes_too_long_fails_and_its_memory_comes_back() -> None:
    async def scenario(stage: Stage) -> None:
        refused = await stage.refusal(model("slow", 300, load=1000.0))
        assert "did not end within 100 s" in refused.message
        assert stage.memory.held == 0
        assert stage.residency.states() == []

    play(scenario)


# ------------------------------------------------------------------ other settings


def test_what_changed_is_loaded_anew_and_what_is_gone_leaves_once_they_are_idle() -> None:
    async def scenario(stage: Stage) -> None:
        same, changed, gone = model("same"), model("changed"), model("gone", pin=True)
        works = [await stage.run(entry, 1, seconds=30) for entry in (same, changed, gone)]
        other = {"same": ModelEntry(id="same", provider="x", config=same.config, description="new", keep_alive="1h")}
        other["changed"] = model("changed", 150)
        waiting = await stage.residency.adopt(stage.residency._settings, other)
        assert waiting == ["changed", "gone"]
        assert stage.loaded == ["same", "changed", "gone"]
        for work in works:
            await work.done
        await asyncio.sleep(10)
        assert stage.loaded == ["same", "changed"]
        assert stage.resident("changed").gauges.weights == 150
        assert stage.resident("same").entry.description == "new"
        assert stage.resident("same").keep_alive.seconds == 3600
        assert stage.started.count("same") == 1
        assert ("unloaded", "gone") in stage.decisions("unloaded")

    play(scenario)


def test_a_smaller_budget_makes_idle_models_leave() -> None:
    async def scenario(stage: Stage) -> None:
        one, two = model("one", 400), model("two", 400)
        await asyncio.gather(stage.load(one), stage.load(two))
        stage.memory.limit = None
        settings = Settings(memory_budget=500, max_loaded_models=9)
        await stage.residency.adopt(settings, {"one": one, "two": two})
        await asyncio.sleep(5)
        assert len(stage.loaded) == 1
        assert await stage.residency.budget() == (500, 400)

    play(scenario)
