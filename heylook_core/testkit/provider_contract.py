"""What every provider promises, whatever its form, tested through a real worker on both channels.

    class TestMyProvider(ProviderContract):
        provider = "mine"                  # entry-point name
        config = {"model_path": "..."}

The provider is found by its entry point, as the server finds it. For a process channel it has to be installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import msgspec
import pytest

from heylook_core.errors import LoadFailed
from heylook_core.messages import (
    Accepted,
    ChatRequest,
    Event,
    Failed,
    Finished,
    Message,
    Sampling,
    Text,
    TextPart,
)
from heylook_core.plugins import Plugins
from heylook_core.provider import ModelSpec
from heylook_core.workers.channel import Channel
from heylook_core.workers.process import ProcessChannel
from heylook_core.workers.protocol import Cancel, Lease, Ready, Submit, Turn
from heylook_core.workers.thread import ThreadChannel

SECONDS = 120.0


class Line:
    """A channel with the events that came over it, by request."""

    def __init__(self, placement: str) -> None:
        plugins = Plugins()
        self.events: dict[int, list[Event]] = {}
        self.lost: list[str] = []
        self._news = asyncio.Event()
        self.channel: Channel = (
            ProcessChannel(self._on_turn, self._on_lost)
            if placement == "process"
            else ThreadChannel(self._on_turn, self._on_lost, plugins.load)
        )
        self._rid = 0

    def submit(self, request: ChatRequest) -> int:
        self._rid += 1
        self.events[self._rid] = []
        self.channel.send(Submit(self._rid, request))
        return self._rid

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for news until the condition holds; a test that waits too long fails."""
        async with asyncio.timeout(SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def over(self, rid: int, choices: int = 1) -> bool:
        events = self.events[rid]
        return sum(isinstance(event, Finished) for event in events) == choices or any(
            isinstance(event, Failed) for event in events
        )

    async def answer(self, request: ChatRequest) -> list[Event]:
        rid = self.submit(request)
        await self.until(lambda: self.over(rid, request.n))
        return self.events[rid]

    def _on_turn(self, turn: Turn) -> None:
        for rid, events in turn.items:
            self.events.setdefault(rid, []).extend(events)
        self._news.set()

    def _on_lost(self, reason: str) -> None:
        self.lost.append(reason)
        self._news.set()


def text_of(events: list[Event], choice: int = 0) -> str:
    return "".join(event.text for event in events if isinstance(event, Text) and event.choice == choice)


def finish_of(events: list[Event]) -> Finished:
    return next(event for event in events if isinstance(event, Finished))


class ProviderContract:
    """Overridable: `provider`, `config`, `prompt`; `placements` if a backend cannot live in one of them."""

    provider: ClassVar[str]
    config: ClassVar[dict[str, Any]] = {}
    prompt: ClassVar[str] = "Tell me about the sea."
    placements: ClassVar[tuple[str, ...]] = ("thread", "process")

    @pytest.fixture(params=("thread", "process"))
    def placement(self, request: pytest.FixtureRequest) -> str:
        if request.param not in self.placements:
            pytest.skip(f"this provider does not run in a {request.param}")
        return str(request.param)

    def settings(self) -> dict[str, Any]:
        """The config of the model under test; override where it needs a path made by a fixture."""
        return dict(self.config)

    def request(self, text: str | None = None, **fields: Any) -> ChatRequest:
        message = Message("user", (TextPart(text or self.prompt),))
        known: dict[str, Any] = {"max_tokens": 16, "sampling": Sampling(temperature=0)}
        return ChatRequest(model="m", messages=(message,), **{**known, **fields})

    def run(self, placement: str, scenario: Callable[[Line], Awaitable[None]]) -> None:
        """Load, run the scenario, unload; the worker has to end by itself."""

        async def whole() -> None:
            line = Line(placement)
            spec = ModelSpec(id="m", provider=self.provider, config=self.settings())
            ready = await asyncio.wait_for(line.channel.start(spec, Lease()), SECONDS)
            assert isinstance(ready, Ready)
            try:
                await scenario(line)
            finally:
                ended = await line.channel.stop(20)
            assert ended, "the worker did not end"

        asyncio.run(whole())

    def test_an_unknown_setting_is_refused(self) -> None:
        cls = Plugins().load("heylook.providers", self.provider)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**self.settings(), "no_such_setting": 1}, cls.Config)

    def test_a_bad_config_is_a_load_failure_not_a_crash(self, placement: str) -> None:
        async def whole() -> None:
            line = Line(placement)
            spec = ModelSpec(id="m", provider=self.provider, config={"no_such_setting": 1})
            with pytest.raises(LoadFailed):
                await asyncio.wait_for(line.channel.start(spec, Lease()), SECONDS)

        asyncio.run(whole())

    def test_a_request_is_accepted_answered_and_finished_once(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            events = await line.answer(self.request())
            assert isinstance(events[0], Accepted)
            assert text_of(events)
            assert isinstance(events[-1], Finished)
            assert sum(isinstance(event, Finished) for event in events) == 1

        self.run(placement, scenario)

    def test_max_tokens_is_a_limit(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            events = await line.answer(self.request(max_tokens=3, ignore_eos=True))
            finish = finish_of(events)
            assert finish.reason == "length"
            assert finish.usage.completion == 3

        self.run(placement, scenario)

    def test_stop_text_is_not_emitted_and_ends_the_answer(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            whole = text_of(await line.answer(self.request()))
            stop = whole[len(whole) // 2 : len(whole) // 2 + 2]
            events = await line.answer(self.request(stop=(stop,)))
            assert text_of(events) == whole[: whole.index(stop)]
            assert finish_of(events).reason == "stop"

        self.run(placement, scenario)

    def test_the_same_request_gives_the_same_text_alone_and_in_company(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            texts = [f"{self.prompt} {number}" for number in range(4)]
            alone = [text_of(await line.answer(self.request(text))) for text in texts]
            rids = [line.submit(self.request(text)) for text in texts]
            await line.until(lambda: all(line.over(rid) for rid in rids))
            assert [text_of(line.events[rid]) for rid in rids] == alone

        self.run(placement, scenario)

    def test_the_same_seed_gives_the_same_text(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            request = self.request(sampling=Sampling(temperature=1.0, seed=5))
            assert text_of(await line.answer(request)) == text_of(await line.answer(request))

        self.run(placement, scenario)

    def test_every_choice_that_was_asked_for_is_answered(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            events = await line.answer(self.request(n=3))
            assert all(text_of(events, choice) for choice in range(3))
            assert sorted(event.choice for event in events if isinstance(event, Finished)) == [0, 1, 2]

        self.run(placement, scenario)

    def test_cancelling_ends_a_request_soon(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            rid = line.submit(self.request(max_tokens=400, ignore_eos=True))
            await line.until(lambda: bool(text_of(line.events[rid])) or line.over(rid))
            line.channel.send(Cancel(rid))
            await line.until(lambda: line.over(rid))
            assert finish_of(line.events[rid]).reason in ("cancelled", "length")
            assert text_of(await line.answer(self.request()))

        self.run(placement, scenario)

    def test_a_request_after_many_others_is_as_if_it_were_the_first(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            first = text_of(await line.answer(self.request()))
            for number in range(3):
                await line.answer(self.request(f"{self.prompt} Really? {number}"))
            assert text_of(await line.answer(self.request())) == first

        self.run(placement, scenario)
