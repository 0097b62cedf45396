"""Requests that begin alike and run at the same time: the shared beginning is read once, and nobody's text changes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from heylook_core.batching.choice import Choice, Leader
from heylook_core.batching.leaders import find_leader
from heylook_core.batching.loop import TurnLoop
from heylook_core.batching.pace import PrefillPace
from heylook_core.catalog import Catalog
from heylook_core.messages import ChatRequest, Format, Message, Sampling, Text, TextPart
from heylook_core.plugins import Plugins
from heylook_core.serving import Run, Serving
from heylook_core.settings import ModelEntry, Settings
from heylook_core.testkit.toy import ToyConfig, ToyModel
from heylook_core.text.prompt import Preparation
from heylook_core.workers.protocol import Lease

SHARED = "the rules of the house are many and here they all are " * 8
SLOW = {"step_delay": 0.005, "max_concurrency": 8}
COUNT = 8


def asked(number: int, system: str = SHARED, max_tokens: int = 24) -> ChatRequest:
    messages = Message("system", (TextPart(system),)), Message("user", (TextPart(f"{number} asks"),))
    return ChatRequest(model="toy", messages=messages, sampling=Sampling(temperature=0), max_tokens=max_tokens)


def serve(scenario: Callable[[Serving], Awaitable[None]], *, kept: int = 1 << 24, **config: Any) -> None:
    async def whole() -> None:
        entry = ModelEntry(id="toy", provider="toy", placement="thread", config={**SLOW, **config})
        settings = Settings(models=(entry,), prefix_cache_bytes=kept)
        plugins = Plugins()
        serving = Serving(settings, Catalog(settings, plugins), plugins)
        await serving.start()
        try:
            async with asyncio.timeout(60):
                await scenario(serving)
        finally:
            await serving.close(grace=10.0)

    asyncio.run(whole())


async def answer(serving: Serving, request: ChatRequest) -> tuple[str, int, int]:
    """Text, cached tokens, computed prompt tokens."""
    run = await serving.open(request, request_id="r", dialect="test")
    try:
        (choice,) = await run.collect()
    finally:
        run.close()
    assert choice.finish is not None
    usage = choice.finish.usage
    return choice.text, usage.cached, usage.prompt - usage.cached


async def until_first_text(run: Run) -> None:
    async for events in run:
        if any(isinstance(event, Text) for event in events):
            return


def cold(numbers: range) -> list[str]:
    texts: list[str] = []

    async def scenario(serving: Serving) -> None:
        texts.extend([(await answer(serving, asked(number)))[0] for number in numbers])

    serve(scenario, kept=0, step_delay=0.0)
    return texts


@pytest.mark.parametrize("trims", [True, False])
def test_what_a_burst_of_requests_shares_is_read_once(trims: bool) -> None:
    async def scenario(serving: Serving) -> None:
        answers = await asyncio.gather(*(answer(serving, asked(number)) for number in range(COUNT)))
        assert [text for text, _, _ in answers] == cold_texts
        reused = sorted(cached for _, cached, _ in answers)
        assert reused[0] == 0
        assert reused[1] > len(SHARED)
        assert sum(computed for _, _, computed in answers) < 2 * len(SHARED)

    cold_texts = cold(range(COUNT))
    serve(scenario, trims=trims)


def test_a_request_takes_over_from_one_that_still_answers() -> None:
    async def scenario(serving: Serving) -> None:
        first = await serving.open(asked(0, max_tokens=200), request_id="first", dialect="test")
        await until_first_text(first)
        text, cached, _ = await answer(serving, asked(1))
        assert cached > len(SHARED)
        assert text == cold_text
        (choice,) = await first.collect()
        first.close()
        assert choice.finish is not None
        assert choice.finish.usage.completion == 200

    (cold_text,) = cold(range(1, 2))
    serve(scenario, answer_tokens=200)


def test_followers_go_on_when_the_one_they_wait_for_is_cancelled() -> None:
    async def scenario(serving: Serving) -> None:
        leader = await serving.open(asked(0), request_id="leader", dialect="test")
        others = [asyncio.create_task(answer(serving, asked(number))) for number in range(1, 4)]
        await asyncio.sleep(0.05)
        leader.close()
        assert [text for text, _, _ in await asyncio.gather(*others)] == cold_texts

    cold_texts = cold(range(1, 4))
    serve(scenario, prefill_delay_per_token=0.0005)


def test_without_room_for_kept_prefixes_nobody_waits_for_another() -> None:
    async def scenario(serving: Serving) -> None:
        answers = await asyncio.gather(*(answer(serving, asked(number)) for number in range(4)))
        assert [cached for _, cached, _ in answers] == [0] * 4

    serve(scenario, kept=0)


def test_little_in_common_is_not_waited_for() -> None:
    async def scenario(serving: Serving) -> None:
        answers = await asyncio.gather(*(answer(serving, asked(number, f"{number}" * 200)) for number in range(4)))
        assert all(cached < 64 for _, cached, _ in answers)

    serve(scenario)


def turning(**config: Any) -> tuple[TurnLoop, Callable[[ChatRequest], int]]:
    """A turn loop over the toy model that a test turns by hand, and what submits a request to it."""
    known = ToyConfig(**config)
    model = ToyModel(known)
    preparation = Preparation(model.info, model.codec, known)
    loop = TurnLoop(model, Lease(kept=1 << 24), lambda rid, events: None, lambda rid: None)
    rids = count(1)

    def submit(request: ChatRequest) -> int:
        rid = next(rids)
        loop.submit(preparation.prepare(rid, request, time.monotonic()))
        return rid

    return loop, submit


def test_who_waits_looks_for_another_only_when_the_one_it_waits_for_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(choice: Choice, *known: Any) -> Leader | None:
        looked.append(choice.sid)
        return find_leader(choice, *known)

    monkeypatch.setattr("heylook_core.batching.loop.find_leader", counted)
    monkeypatch.setattr(PrefillPace, "budget", lambda *known: 64)
    loop, submit = turning()
    for number in range(COUNT):
        submit(asked(number, SHARED * 4))
    turns = 0
    while loop.gauges().queued:
        loop.turn()
        turns += 1
    assert turns > 20
    assert max(Counter(looked).values()) <= 3
    while not loop.idle:
        loop.turn()


@pytest.mark.parametrize("broken", [True, False])
def test_followers_of_a_row_that_fails_are_answered(broken: bool) -> None:
    loop, submit = turning(prefill_delay_per_token=0.0)
    first = submit(asked(0))
    others = {submit(asked(number)) for number in range(1, 4)}
    loop.turn()
    assert loop.gauges().queued == len(others)
    ended: list[int] = []
    loop._ended = ended.append
    if broken:
        (engine,) = loop.model.lanes()
        loop._recover(engine, loop._live[engine], RuntimeError("boom"))
    else:
        loop.cancel(first)
    while not loop.idle:
        loop.turn()
    assert ended[0] == first
    assert set(ended[1:]) == others


def test_choices_of_one_request_and_constrained_ones_share_what_is_read() -> None:
    async def scenario(serving: Serving) -> None:
        forms = [replace(asked(0), n=3), replace(asked(1), format=Format("json")), asked(2)]
        runs = [await serving.open(form, request_id=str(at), dialect="test") for at, form in enumerate(forms)]
        found = await asyncio.gather(*(run.collect() for run in runs))
        for run in runs:
            run.close()
        texts.append([[choice.text for choice in choices] for choices in found])

    texts: list[list[list[str]]] = []
    serve(scenario, prefill_delay_per_token=0.0002)
    serve(scenario, kept=0)
    assert texts[0] == texts[1]
    assert [len(choices) for choices in texts[0]] == [3, 1, 1]
