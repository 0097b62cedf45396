"""Servers with toy models whose records the tests look at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest

from heylook_core.analytics import RequestRecord
from heylook_core.settings import ModelEntry, Settings
from heylook_core.testkit.server import LiveServer, live_server, toy_settings


class Watched:
    """A running server and a client; `new` gives the records that a piece of work left."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=60, trust_env=False)

    def chat(self, text: str = "hello", *, path: str = "/v1/chat/completions", **fields: Any) -> httpx.Response:
        message = {"role": "user", "content": text}
        return self.http.post(path, json={"model": "toy", "max_tokens": 8, "messages": [message]} | fields)

    def phases(self) -> list[str]:
        """How far the requests are that are not over."""
        return self.server.call(lambda: [run.phase for run in self.server.server.serving.requests.running])

    def new(self, work: Callable[[], object], count: int = 1) -> list[RequestRecord]:
        """Exactly `count` records come of `work`, and no further one after it."""
        before = len(self.server.finishes.get(0))
        work()
        found = self.server.finishes.get(before + count)
        self.server.wait(lambda: asyncio.sleep(0.05))
        assert len(self.server.finishes.get(0)) == before + count
        return found[before:]


def settings(**server: Any) -> Settings:
    """Three toy models: one as it is, one that cannot be loaded, one that is slow."""
    base = toy_settings(server=server)
    models = (
        *base.models,
        ModelEntry(id="broken", provider="toy", config={"fail": "load"}, placement="thread"),
        ModelEntry(id="slow", provider="toy", config={"step_delay": 0.02, "answer_tokens": 2000}, placement="thread"),
        ModelEntry(id="scripted", provider="scripted", placement="thread"),
    )
    return msgspec.structs.replace(base, models=models, max_loaded_models=4)


@contextlib.contextmanager
def watched(**server: Any) -> Iterator[Watched]:
    with live_server(settings(**server)) as running:
        watching = Watched(running)
        try:
            yield watching
        finally:
            watching.http.close()


@pytest.fixture(scope="module")
def seen() -> Iterator[Watched]:
    with watched() as found:
        yield found


@pytest.fixture
def served() -> Callable[..., contextlib.AbstractContextManager[Watched]]:
    """A server of its own, with these `server` settings."""
    return watched
