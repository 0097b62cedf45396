"""The same rules with real worker threads and processes on toy models: what simulated workers cannot show."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from heylook_core.catalog import Catalog
from heylook_core.errors import HeylookError, InvalidRequest, OutOfMemory
from heylook_core.messages import ChatRequest, Message, Sampling, TextPart
from heylook_core.plugins import Plugins
from heylook_core.provider import FLOOR_TOKENS
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.toy import BYTES_PER_TOKEN, ToyProvider
from heylook_core.workers.threads import EngineThreads

BOTH = pytest.mark.parametrize("placement", ["thread", "process"])
SECONDS = 90.0
FLOOR = BYTES_PER_TOKEN * FLOOR_TOKENS


def toy(name: str, weights: int, placement: str = "thread", pin: bool = False, **config: Any) -> ModelEntry:
    config = {"weights_bytes": weights, "estimated_bytes": weights, **config}
    return ModelEntry(id=name, provider="toy", config=config, placement=placement, pin=pin)


def serve(scenario: Callable[[Serving], Awaitable[None]], *models: ModelEntry, budget: int, **settings: Any) -> None:
    async def whole() -> None:
        made = Settings(
            models=models,
            memory_budget=budget,
            max_loaded_models=9,
            server=ServerSettings(load_timeout=20, load_backoff=settings.pop("backoff", 10.0)),
            **settings,
        )
        plugins = Plugins()
        serving = Serving(made, Catalog(made, plugins), plugins)
        await serving.start()
        try:
            async with asyncio.timeout(SECONDS):
                await scenario(serving)
        finally:
            assert await serving.close(grace=5.0)

    asyncio.run(whole())


async def ask(serving: Serving, model: str, text: str, **fields: Any) -> str:
    said = (Message("user", (TextPart(text),)),)
    request = ChatRequest(model=model, messages=said, sampling=Sampling(temperature=0), **fields)
    run = await serving.open(request, request_id="r", dialect="test")
    try:
        return (await run.collect())[0].text
    finally:
        run.close()


def held(serving: Serving) -> int:
    return sum(state.gauges.total for state in serving.residency.states())


def test_random_clients_of_more_models_than_fit_are_all_answered_within_the_budget() -> None:
    """Three of six models fit; clients leave in the middle, some loads fail, answers are compared."""
    budget = 3 * (FLOOR + 300_000)
    models = [toy(f"m{number}", 300_000, step_delay=0.001) for number in range(5)]
    models.append(toy("broken", 300_000, fail="load"))

    async def scenario(serving: Serving) -> None:
        tally = {"right": 0, "refused": 0, "left": 0}

        async def client(number: int) -> None:
            chance = random.Random(number)
            for turn in range(25):
                entry = chance.choice(models)
                said = f"{number} {turn} {chance.randrange(10**9)}"
                asking = asyncio.create_task(
                    ask(serving, entry.id, f"[toy:say={said}] " + "x" * chance.randint(1, 900))
                )
                if chance.random() < 0.2:
                    await asyncio.wait([asking], timeout=chance.uniform(0, 0.05))
                    asking.cancel()
                outcome = (await asyncio.gather(asking, return_exceptions=True))[0]
                if isinstance(outcome, asyncio.CancelledError):
                    tally["left"] += 1
                elif isinstance(outcome, HeylookError) and entry.id == "broken":
                    tally["refused"] += 1
                else:
                    assert outcome == said
                    tally["right"] += 1
                assert held(serving) <= budget

        await asyncio.gather(*(client(number) for number in range(8)))
        assert sum(tally.values()) == 200
        assert tally["right"] > 100
        while any(state.in_flight for state in serving.residency.states()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    serve(scenario, *models, budget=budget)


@BOTH
def test_kept_prefixes_shrink_for_a_newcomer_and_the_worker_tells_so(placement: str) -> None:
    budget = 2 * (FLOOR + 100_000) + 20_000

    async def scenario(serving: Serving) -> None:
        for number in range(12):
            await ask(serving, "old", f"{number} " * 500, max_tokens=1)
        before = (await serving.states())[0].gauges.kept
        assert before > 60_000
        await ask(serving, "new", "[toy:say=here]")
        kept = {state.id: state.gauges.kept for state in await serving.states()}
        assert kept["old"] < 20_000
        assert [event.decision for event in serving.residency.log.last(model="old")][-1] == "shrunk"

    serve(scenario, toy("old", 100_000, placement), toy("new", 100_000, placement), budget=budget)


@BOTH
def test_a_long_request_gets_the_memory_of_an_idle_model(placement: str) -> None:
    budget = 2 * (FLOOR + 100_000)

    async def scenario(serving: Serving) -> None:
        await ask(serving, "idle", "[toy:say=here]")
        text = "[toy:say=long] " + "x" * 5800
        assert await ask(serving, "busy", text, max_tokens=1000) == "long"
        # the other one may still be on its way out: from then on it takes nothing more
        assert [state.id for state in serving.residency.states() if state.state != "leaving"] == ["busy"]

    serve(scenario, toy("idle", 100_000, placement), toy("busy", 100_000, placement), budget=budget)


@BOTH
def test_a_request_that_no_eviction_could_make_fit_is_a_clients_mistake_with_sizes(placement: str) -> None:
    async def scenario(serving: Serving) -> None:
        with pytest.raises(InvalidRequest) as refused:
            await ask(serving, "toy", "x" * 8000, max_tokens=100)
        assert refused.value.param == "max_tokens"
        assert "may use" in refused.value.message
        assert await ask(serving, "toy", "[toy:say=fine]") == "fine"

    serve(scenario, toy("toy", 100_000, placement), budget=FLOOR + 150_000)


@BOTH
def test_smaller_requests_pass_one_that_waits_for_memory_and_leaving_ends_the_wish(placement: str) -> None:
    async def scenario(serving: Serving) -> None:
        in_use = await serving.residency.acquire(serving.catalog.get("other"))
        waiting = asyncio.create_task(ask(serving, "toy", "x" * 6500, max_tokens=500))
        while not any(state.gauges.wanted for state in serving.residency.states()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert await ask(serving, "toy", "[toy:say=small]") == "small"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        while any(state.gauges.wanted for state in await serving.states()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        serving.residency.release(in_use)

    serve(scenario, toy("toy", 100_000, placement), toy("other", 100_000, placement), budget=2 * (FLOOR + 110_000))


@BOTH
@pytest.mark.parametrize("fail", ["load", "memory", "error"])
def test_a_failed_load_is_told_again_until_it_is_tried_again(placement: str, fail: str) -> None:
    async def scenario(serving: Serving) -> None:
        for _ in range(2):
            with pytest.raises(HeylookError, match="could not be loaded"):
                await ask(serving, "toy", "hello")
        loads = [event.decision for event in serving.residency.log.last(model="toy")]
        assert loads == ["loading", "failed"]
        assert held(serving) == 0
        await asyncio.sleep(0.7)
        with pytest.raises(HeylookError):
            await ask(serving, "toy", "hello")
        assert len(serving.residency.log.last(model="toy")) == 4

    serve(scenario, toy("toy", 100_000, placement, fail=fail), budget=10**9, backoff=0.6)


def test_a_load_that_runs_out_of_memory_takes_one_idle_model_along_and_no_more() -> None:
    async def scenario(serving: Serving) -> None:
        for name in ("one", "two"):
            await ask(serving, name, "[toy:say=here]")
        with pytest.raises(OutOfMemory):
            await ask(serving, "thirsty", "hello")
        assert [state.id for state in serving.residency.states()] == ["two"]
        kinds = [(event.decision, event.model) for event in serving.residency.log.last(3)]
        assert kinds == [("loading", "thirsty"), ("evicted", "one"), ("failed", "thirsty")]

    serve(scenario, toy("one", 1), toy("two", 1), toy("thirsty", 1, fail="memory"), budget=10**9)


def test_a_worker_thread_that_ends_while_it_loads_is_a_failed_load(monkeypatch: pytest.MonkeyPatch) -> None:
    from heylook_core.testkit import toy as toys

    def leave(self: object) -> None:
        raise SystemExit

    monkeypatch.setattr(toys.ToyProvider, "load", leave)

    async def scenario(serving: Serving) -> None:
        with pytest.raises(HeylookError, match="ended before the model was loaded"):
            await ask(serving, "toy", "hello")

    serve(scenario, toy("toy", 1), budget=10**9)


def engine_threads(model: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"heylook-{model}"]


def test_models_of_a_provider_follow_each_other_on_one_thread_which_ends_with_the_server() -> None:
    used: list[threading.Thread] = []

    async def scenario(serving: Serving) -> None:
        for name in ("one", "two", "one"):
            assert await ask(serving, name, "[toy:say=here]") == "here"
            used.extend(engine_threads(name))
            await serving.unload(name)
        assert len(used) == 3
        assert len(set(used)) == 1
        assert used[0].is_alive()

    serve(scenario, toy("one", 1), toy("two", 1), budget=10**9)
    assert not used[0].is_alive()


def test_whoever_waits_for_a_model_to_leave_does_not_wait_for_the_next_one_on_its_thread() -> None:
    class Work:
        backend, refused, unclean = None, False, False

        def __init__(self) -> None:
            self.gate = threading.Event()

        def run(self) -> None:
            self.thread = threading.current_thread()
            self.gate.wait(SECONDS)

    first, second = Work(), Work()
    threads = EngineThreads()
    first.gate.set()
    left = threads.run(first, "toy", "first")  # type: ignore[arg-type]
    assert left.wait(SECONDS)
    other = threads.run(second, "toy", "second")  # type: ignore[arg-type]
    assert left.is_set()
    assert not other.is_set()
    second.gate.set()
    assert other.wait(SECONDS)
    assert first.thread is second.thread
    threads.close()


@pytest.mark.parametrize("what", ["close", "residency"])
def test_engine_threads_end_where_closing_fails(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """A thread on which a model could not be closed is not used again; a server that cannot unload ends its threads."""
    used: list[threading.Thread] = []

    def fail(*_: object) -> None:
        raise RuntimeError("as the test wants it")

    async def scenario(serving: Serving) -> None:
        await ask(serving, "toy", "[toy:say=here]")
        used.extend(engine_threads("toy"))
        if what == "close":
            monkeypatch.setattr(ToyProvider, "close", fail)
        await serving.unload("toy")
        if what == "close":
            used[0].join(SECONDS)
        else:
            whole = serving.residency.close
            monkeypatch.setattr(serving.residency, "close", fail)
            with pytest.raises(RuntimeError):
                await serving.close(1.0)
            monkeypatch.setattr(serving.residency, "close", whole)
        assert not used[0].is_alive()

    serve(scenario, toy("toy", 1), budget=10**9)


def test_models_that_are_loaded_together_have_a_thread_each() -> None:
    async def scenario(serving: Serving) -> None:
        for name in ("one", "two"):
            await ask(serving, name, "[toy:say=here]")
        assert len({*engine_threads("one"), *engine_threads("two")}) == 2

    serve(scenario, toy("one", 1), toy("two", 1), budget=10**9)


def test_a_thread_on_which_a_load_has_failed_is_left_and_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[threading.Thread] = []
    monkeypatch.setattr(ToyProvider, "leave_thread", classmethod(lambda cls: left.append(threading.current_thread())))

    async def scenario(serving: Serving) -> None:
        with pytest.raises(HeylookError):
            await ask(serving, "broken", "hello")
        assert len(left) == 1
        await ask(serving, "toy", "[toy:say=here]")
        assert len(left) == 1
        assert engine_threads("toy") != left

    serve(scenario, toy("broken", 1, fail="load"), toy("toy", 1), budget=10**9)
    assert len(set(left)) == 2
