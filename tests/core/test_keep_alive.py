"""How long idle models stay, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from heylook_core.catalog import Catalog
from heylook_core.messages import ChatRequest, Message, TextPart
from heylook_core.plugins import Plugins
from heylook_core.residency import ModelState
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, Settings

SECONDS = 60.0
NOON = 1_800_000_000.0


class FakeClock:
    """Unix time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def serve(scenario: Callable[[Serving, FakeClock], Awaitable[None]], pin: bool = False, **settings: float) -> None:
    async def whole() -> None:
        model = ModelEntry(id="toy", provider="toy", placement="thread", pin=pin, config={"answer_tokens": 4})
        made = Settings(models=(model,), **settings)  # type: ignore[arg-type]
        plugins, clock = Plugins(), FakeClock()
        serving = Serving(made, Catalog(made, plugins), plugins, clock)
        try:
            async with asyncio.timeout(SECONDS):
                await scenario(serving, clock)
        finally:
            await serving.close(grace=2.0)

    asyncio.run(whole())


async def ask(serving: Serving, keep_alive: float | None = None) -> None:
    request = ChatRequest(model="toy", messages=(Message("user", (TextPart("x"),)),))
    run = await serving.open(request, request_id="r", dialect="test", keep_alive=keep_alive)
    try:
        await run.collect()
    finally:
        run.close()


def states(serving: Serving) -> list[ModelState]:
    return serving.residency.states()


async def gone(serving: Serving) -> None:
    """Wait until nothing is loaded; the test's own limit ends this if it never happens."""
    while states(serving):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_without_a_setting_a_model_stays():
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        await ask(serving)
        clock.now += 1e9
        await serving.residency.expire()
        assert [state.expires_at for state in states(serving)] == [None]

    serve(scenario)


def test_the_setting_counts_from_the_end_of_the_last_request_to_the_second():
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        await ask(serving)
        assert states(serving)[0].expires_at == NOON + 300
        clock.now += 299
        await serving.residency.expire()
        await ask(serving)
        assert states(serving)[0].expires_at == NOON + 299 + 300
        clock.now += 299.9
        await serving.residency.expire()
        assert [state.id for state in states(serving)] == ["toy"]
        clock.now += 0.1
        await serving.residency.expire()
        assert states(serving) == []

    serve(scenario, keep_alive=300)


def test_the_last_request_decides_and_silence_keeps_what_was_asked_before():
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        await ask(serving, 10.0)
        assert states(serving)[0].expires_at == NOON + 10
        await ask(serving)
        assert states(serving)[0].expires_at == NOON + 10
        await ask(serving, math.inf)
        assert states(serving)[0].expires_at is None
        await ask(serving, 60.0)
        assert states(serving)[0].expires_at == NOON + 60

    serve(scenario, keep_alive=300)


def test_zero_unloads_when_the_answer_has_ended():
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        await ask(serving, 0.0)
        await gone(serving)

    serve(scenario)


@pytest.mark.parametrize("how", ["zero", "dismissed", "expired"])
def test_a_model_at_work_is_not_unloaded_before_its_last_request_ends(how: str):
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        at_work = await serving.residency.acquire(serving.catalog.get("toy"), 5.0)
        if how == "dismissed":
            await serving.unload("toy")
        elif how == "zero":
            await ask(serving, 0.0)
        clock.now += 6
        await serving.residency.expire()
        assert [state.state for state in states(serving)] == ["ready"]
        serving.residency.release(at_work)
        if how == "expired":
            clock.now += 5
            await serving.residency.expire()
        await gone(serving)

    serve(scenario)


def test_a_pinned_model_stays_whatever_a_request_asks_but_can_be_unloaded_by_name():
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        await ask(serving, 0.0)
        await serving.residency.expire()
        assert [state.expires_at for state in states(serving)] == [None]
        await serving.unload("toy")
        assert states(serving) == []

    serve(scenario, pin=True)


def test_load_tells_what_the_model_is_and_unload_is_quiet_if_it_is_gone():
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        info = await serving.load("toy", 30.0)
        assert info.context == 8192
        assert states(serving)[0].expires_at == NOON + 30
        await serving.unload("toy")
        await serving.unload("toy")
        assert states(serving) == []

    serve(scenario)


def test_a_model_is_loaded_anew_after_it_has_expired():
    async def scenario(serving: Serving, clock: FakeClock) -> None:
        for _ in range(3):
            await ask(serving, 0.0)
        await gone(serving)

    serve(scenario)
