"""Serving on toy models: admission, cancellation, crashes, hangs, residency; on both channels where it matters."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from heylook_core.analytics import RequestRecord
from heylook_core.catalog import Catalog
from heylook_core.departure import Departure
from heylook_core.errors import (
    Busy,
    Cancelled,
    ContextExceeded,
    EngineFailed,
    HeylookError,
    InvalidRequest,
    LoadFailed,
    ModelNotFound,
    Unavailable,
    Unsupported,
)
from heylook_core.hookspecs import hookimpl
from heylook_core.messages import ChatRequest, Format, ImagePart, Message, Sampling, TextPart
from heylook_core.plugins import Plugins
from heylook_core.provider import EmbedOptions
from heylook_core.running import Run
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.toy import embedding_of

BOTH = pytest.mark.parametrize("placement", ["thread", "process"])
SECONDS = 60.0


class Told:
    """A plugin that remembers what it was told."""

    def __init__(self) -> None:
        self.records: list[RequestRecord] = []
        self.unloaded: list[tuple[str, str]] = []
        self.loading: list[str] = []

    @hookimpl
    def request_finished(self, record: RequestRecord) -> None:
        self.records.append(record)

    @hookimpl
    def model_unloaded(self, model_id: str, reason: str) -> None:
        self.unloaded.append((model_id, reason))

    @hookimpl
    def model_loading(self, entry: ModelEntry) -> None:
        self.loading.append(entry.id)


def entry(name: str, placement: Any = "thread", pin: bool = False, **config: Any) -> ModelEntry:
    return ModelEntry(id=name, provider="toy", config=config, placement=placement, pin=pin)


def chat(text: str, model: str = "toy", **fields: Any) -> ChatRequest:
    message = Message("user", (TextPart(text),))
    return ChatRequest(model=model, messages=(message,), **{"sampling": Sampling(temperature=0), **fields})


def serve(
    scenario: Callable[[Serving, Told], Awaitable[None]], *models: ModelEntry, max_loaded: int = 2, **server: Any
) -> Told:
    """Run a scenario on a serving core of its own; everything has to unload in the end."""
    told = Told()

    async def whole() -> None:
        settings = Settings(models=models, max_loaded_models=max_loaded, server=ServerSettings(**server))
        plugins = Plugins()
        plugins.add("told", told)
        serving = Serving(settings, Catalog(settings, plugins), plugins)
        await serving.start()
        try:
            async with asyncio.timeout(SECONDS):
                await scenario(serving, told)
        finally:
            await serving.close(grace=2.0)

    asyncio.run(whole())
    return told


async def start(serving: Serving, request: ChatRequest, gone: Departure | None = None) -> Run:
    return await serving.open(request, request_id="r", dialect="test", gone=gone)


async def answer(serving: Serving, request: ChatRequest) -> str:
    run = await start(serving, request)
    try:
        return (await run.collect())[0].text
    finally:
        run.close()


async def error_from(awaitable: Awaitable[Any]) -> HeylookError:
    try:
        await awaitable
    except HeylookError as error:
        return error
    raise AssertionError("no error was raised")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - there is no event for everything a test waits for
        await asyncio.sleep(0.01)


@BOTH
def test_a_request_is_answered_and_recorded_once(placement: str) -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        assert await answer(serving, chat("[toy:say=hello there]")) == "hello there"
        (record,) = told.records
        assert (record.outcome, record.finish, record.completion_tokens) == ("ok", "stop", 11)
        assert record.prompt_tokens > 0
        assert record.total_seconds >= record.first_token_seconds > 0

    serve(scenario, entry("toy", placement))


@BOTH
def test_eight_at_once_answer_as_they_would_alone(placement: str) -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        requests = [chat("tell me " * (index + 1), max_tokens=24) for index in range(8)]
        alone = [await answer(serving, request) for request in requests]
        assert await asyncio.gather(*(answer(serving, request) for request in requests)) == alone

    serve(scenario, entry("toy", placement))


def test_further_choices_fork_from_the_first_and_differ() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        run = await start(serving, chat("a long prompt " * 20, n=3, sampling=Sampling(seed=3)))
        choices = await run.collect()
        run.close()
        assert [choice.index for choice in choices] == [0, 1, 2]
        assert len({choice.text for choice in choices}) == 3
        cached = [choice.finish.usage.cached for choice in choices]
        assert cached[0] == 0
        assert cached[1] == cached[2] == choices[0].finish.usage.prompt - 1

    serve(scenario, entry("toy"))


def test_a_second_turn_reuses_the_first() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        first = await answer(serving, chat("hello " * 30))
        await answer(serving, chat("hello " * 30 + first))
        assert told.records[1].cached_tokens > 150

    serve(scenario, entry("toy"))


@BOTH
def test_a_client_that_leaves_frees_its_row(placement: str) -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        gone = Departure()
        run = await start(serving, chat("go on", max_tokens=100000, ignore_eos=True), gone)
        await anext(run)
        gone.announce()
        assert isinstance(await error_from(run.collect()), Cancelled)
        await until(lambda: bool(told.records))
        assert told.records[0].outcome == "cancelled"
        assert serving.health().models[0].in_flight == 0

    serve(scenario, entry("toy", placement, context=200000, step_delay=0.001))


def test_a_client_that_leaves_during_the_load_is_not_submitted(tmp_path: Path) -> None:
    gate = tmp_path / "go"

    async def scenario(serving: Serving, told: Told) -> None:
        gone = Departure()
        opening = asyncio.ensure_future(start(serving, chat("hello"), gone))
        await until(lambda: bool(serving.health().models))
        gone.announce()
        assert isinstance(await error_from(opening), Cancelled)
        gate.touch()
        await until(lambda: serving.health().models[0].state == "ready")
        await until(lambda: serving.health().models[0].in_flight == 0)
        assert [record.outcome for record in told.records] == ["cancelled"]

    serve(scenario, entry("toy", load_gate=str(gate)))


@BOTH
def test_a_crash_in_step_fails_what_runs_and_nothing_else(placement: str) -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        other = await start(serving, chat("go on", max_tokens=100000, ignore_eos=True))
        await anext(other)
        crashed = await error_from(answer(serving, chat("[toy:crash]")))
        assert isinstance(crashed, EngineFailed)
        assert "told to crash" in crashed.message
        assert isinstance(await error_from(other.collect()), EngineFailed)
        assert await answer(serving, chat("[toy:say=fine]")) == "fine"

    serve(scenario, entry("toy", placement, context=200000, step_delay=0.001))


def test_a_broken_row_fails_alone() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        other = await start(serving, chat("go on", max_tokens=40))
        assert isinstance(await error_from(answer(serving, chat("[toy:broken]"))), EngineFailed)
        assert (await other.collect())[0].finish is not None

    serve(scenario, entry("toy"))


def test_a_sequence_that_the_engine_refuses_fails_alone() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        assert isinstance(await error_from(answer(serving, chat("[toy:insert]"))), EngineFailed)
        assert await answer(serving, chat("[toy:say=fine]")) == "fine"

    serve(scenario, entry("toy"))


def test_a_killed_child_fails_only_its_requests_and_comes_back() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        doomed = await start(serving, chat("go on", "child", max_tokens=100000, ignore_eos=True))
        other = await start(serving, chat("go on", "thread", max_tokens=60))
        await anext(doomed)
        pid = serving.residency.resident("child").channel.pid
        os.kill(pid, signal.SIGKILL)
        failed = await error_from(doomed.collect())
        assert isinstance(failed, EngineFailed)
        assert "SIGKILL" in failed.message
        assert (await other.collect())[0].finish is not None
        assert await answer(serving, chat("[toy:say=back]", "child")) == "back"
        assert serving.residency.resident("child").channel.pid != pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    serve(scenario, entry("child", "process", context=200000, step_delay=0.001), entry("thread"))


def test_a_child_that_exits_by_itself_is_reported_with_its_code() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        failed = await error_from(answer(serving, chat("[toy:exit]")))
        assert "exit code 7" in failed.message
        assert told.unloaded == [("toy", "failed")]

    serve(scenario, entry("toy", "process"))


def test_a_hanging_thread_turns_health_red_and_its_model_unusable() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        failed = await error_from(answer(serving, chat("[toy:hang]")))
        assert isinstance(failed, EngineFailed)
        assert serving.health().status == "degraded"
        assert isinstance(await error_from(answer(serving, chat("hello"))), Unavailable)
        assert await answer(serving, chat("[toy:say=fine]", "other")) == "fine"

    serve(scenario, entry("toy"), entry("other"), hang_timeout=0.5)


def test_a_hanging_child_is_killed_and_the_next_request_works() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        assert isinstance(await error_from(answer(serving, chat("[toy:hang]"))), EngineFailed)
        assert serving.health().status == "ok"
        assert await answer(serving, chat("[toy:say=fine]")) == "fine"

    serve(scenario, entry("toy", "process"), hang_timeout=1.5)


@BOTH
@pytest.mark.parametrize("fail", ["load", "memory", "error"])
def test_a_failed_load_tells_its_cause_to_everyone_who_waited(placement: str, fail: str) -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        failures = await asyncio.gather(*(error_from(answer(serving, chat("hello"))) for _ in range(3)))
        assert all(isinstance(failure, LoadFailed) for failure in failures)
        assert told.loading == ["toy"]
        assert serving.health().models == []

    serve(scenario, entry("toy", placement, fail=fail))


def test_loads_are_shared_and_the_least_recently_used_leaves() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        await asyncio.gather(*(answer(serving, chat("hello", "a")) for _ in range(4)))
        assert told.loading == ["a"]
        await answer(serving, chat("hello", "b"))
        await answer(serving, chat("hello", "a"))
        await answer(serving, chat("hello", "c"))
        assert told.unloaded == [("b", "evicted")]
        assert [state.id for state in serving.health().models] == ["a", "c"]

    serve(scenario, entry("a"), entry("b"), entry("c"))


def test_a_model_at_work_is_never_evicted() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        run = await start(serving, chat("go on", "a", max_tokens=2000, ignore_eos=True))
        second = asyncio.ensure_future(answer(serving, chat("[toy:say=done]", "b")))
        choices = await run.collect()
        assert choices[0].finish.reason == "length"
        assert await second == "done"
        assert told.unloaded == [("a", "evicted")]

    serve(scenario, entry("a", step_delay=0.0002), entry("b"), max_loaded=1)


def test_two_newcomers_for_one_place_take_turns() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        await answer(serving, chat("hello", "a"))
        names = ["b", "c", "a", "b"]
        texts = await asyncio.gather(*(answer(serving, chat(f"[toy:say={name}]", name)) for name in names))
        assert texts == names

    serve(scenario, entry("a"), entry("b"), entry("c"), max_loaded=1)


def test_no_room_in_time_is_unavailable() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        run = await start(serving, chat("go on", "a", max_tokens=100000, ignore_eos=True))
        refused = await error_from(answer(serving, chat("hello", "b")))
        assert isinstance(refused, Unavailable)
        assert "at work" in refused.message
        run.close()

    serve(scenario, entry("a", context=200000, step_delay=0.001), entry("b"), max_loaded=1, load_timeout=0.3)


def test_pinned_models_stay() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        await answer(serving, chat("hello", "a"))
        refused = await error_from(answer(serving, chat("hello", "b")))
        assert "pinned" in refused.message

    serve(scenario, entry("a", pin=True), entry("b"), max_loaded=1)


def test_a_full_queue_is_busy() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        runs = [await start(serving, chat("go on", max_tokens=100000, ignore_eos=True)) for _ in range(3)]
        assert isinstance(await error_from(answer(serving, chat("hello"))), Busy)
        for run in runs:
            run.close()

    serve(scenario, entry("toy", max_concurrency=1, context=200000, step_delay=0.001), max_queue=2)


@pytest.mark.parametrize(
    ("request_", "error", "param"),
    [
        (chat("hello", "nobody"), ModelNotFound, "model"),
        (chat("x" * 9000), ContextExceeded, "messages"),
        (chat("hello", format=Format("regex", text="(a")), InvalidRequest, "response_format"),
        (ChatRequest(model="toy", prompt="a", suffix="b"), Unsupported, "suffix"),
        (ChatRequest(model="toy", prompt=()), InvalidRequest, "prompt"),
        (ChatRequest(model="toy", prompt=(5, 999)), InvalidRequest, "prompt"),
        (ChatRequest(model="toy", messages=(Message("user", (ImagePart("data:,"),)),)), Unsupported, "messages"),
    ],
)
def test_what_cannot_be_served_is_refused_before_it_starts(
    request_: ChatRequest, error: type[HeylookError], param: str
) -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        refused = await error_from(start(serving, request_))
        assert type(refused) is error
        assert refused.param == param
        assert await answer(serving, chat("[toy:say=fine]")) == "fine"

    serve(scenario, entry("toy"))


def test_silence_gives_empty_lists_for_keepalives() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        run = await start(serving, chat("[toy:prompt=0.5]", stream=True))
        silences = [events async for events in run if not events]
        assert 2 <= len(silences) <= 5

    serve(scenario, entry("toy"), keepalive=0.1)


def test_a_stream_is_handed_out_before_a_long_load_is_done(tmp_path: Path) -> None:
    gate = tmp_path / "go"

    async def scenario(serving: Serving, told: Told) -> None:
        run = await start(serving, chat("[toy:say=late]", stream=True))
        assert run.accepted is None
        gate.touch()
        assert (await run.collect())[0].text == "late"

    serve(scenario, entry("toy", load_gate=str(gate)), early_headers=0.05)


@BOTH
def test_embeddings_come_beside_a_running_chat(placement: str) -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        run = await start(serving, chat("go on", max_tokens=3000, ignore_eos=True))
        inputs = ("one", "two", "one", (1, 2, 3))
        vectors = await serving.embed("toy", inputs, EmbedOptions(), request_id="e", dialect="test")
        rows = embedding_of(vectors)
        assert rows.shape == (4, 64)
        assert (rows[0] == rows[2]).all()
        assert vectors.tokens == (3, 3, 3, 3)
        run.close()
        assert told.records[0].kind == "embedding"
        assert told.records[0].prompt_tokens == 12

    serve(scenario, entry("toy", placement))


def test_drain_refuses_new_requests_and_waits_for_the_running_ones() -> None:
    async def scenario(serving: Serving, told: Told) -> None:
        run = await start(serving, chat("go on", max_tokens=500, ignore_eos=True))
        draining = asyncio.ensure_future(serving.drain(30))
        await asyncio.sleep(0)
        assert isinstance(await error_from(start(serving, chat("hello"))), Unavailable)
        assert (await run.collect())[0].finish.reason == "length"
        assert await draining

    serve(scenario, entry("toy"))
