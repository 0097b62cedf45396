"""One real server for all tests of the Ollama dialect: a toy model, and a provider that sends every kind of event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Event as ThreadEvent
from typing import Any

import httpx
import msgspec
import ollama
import pytest

from heylook_core.messages import (
    Accepted,
    ChatRequest,
    Event,
    Finished,
    FinishReason,
    Logprobs,
    Reasoning,
    Text,
    Timings,
    ToolArgs,
    ToolOpen,
    TopToken,
    Usage,
)
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.provider import Capability, ModelInfo, NoConfig, Provider
from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

ALL: tuple[Capability, ...] = ("chat", "completion", "tools", "schema", "logprobs", "reasoning", "vision", "audio")
TIMINGS = Timings(queue=0.25, prefill=0.5, decode=1.5, first_token=0.75)


class CallingProvider(Provider):
    """Thinks if told to, answers "Let me see." and calls the first tool twice; without tools it only answers.

    "show" answers with the request itself as JSON, "badcall" makes a call whose arguments are no object.
    """

    Config = NoConfig

    def load(self) -> None:
        return None

    def info(self) -> ModelInfo:
        return ModelInfo(context=4096, capabilities=ALL)

    def chat(self, request: ChatRequest, cancelled: ThreadEvent) -> Iterator[Event]:
        yield Accepted(7)
        said = request.messages[-1].text if request.messages else ""
        reason: FinishReason = "stop"
        if said.startswith("show"):
            yield Text(0, msgspec.json.encode(request).decode())
        elif said == "badcall":
            yield ToolOpen(0, 0, "call_0", "add")
            yield ToolArgs(0, 0, '{"n": ')
        else:
            if request.thinking.enabled:
                yield Reasoning(0, "First I ")
                yield Reasoning(0, "think.")
            yield Text(0, "Let me ")
            if request.logprobs:
                yield Logprobs(
                    0, TopToken(b"Let me ", -0.5, 3), (TopToken(b"Let me ", -0.5, 3), TopToken(b"x", -2.0, 4))
                )
            yield Text(0, "see.")
            for index in range(2 if request.tools else 0):
                reason = "tool_calls"
                yield ToolOpen(0, index, f"call_{index}", request.tools[0].name)
                yield ToolArgs(0, index, '{"z": "last",\n "n": ')
                yield ToolArgs(0, index, f"{index}}}")
        yield Finished(0, reason, Usage(7, 3, 12, 4), TIMINGS)


class PlainProvider(CallingProvider):
    """A model that can only chat."""

    def info(self) -> ModelInfo:
        return ModelInfo(context=4096, capabilities=("chat",))


PROVIDED = {"calling": CallingProvider, "plain": PlainProvider}


class PluginsWithCalling(Plugins):
    """The installed plugins and the providers of this file."""

    def load(self, group: str, name: str) -> type[Any]:
        return PROVIDED[name] if group == PROVIDERS and name in PROVIDED else super().load(group, name)


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    settings = toy_settings(server={"max_body_bytes": 1 << 20}, answer_tokens=12, context=2048)
    models = (
        *settings.models,
        ModelEntry(id="acme/Calling", provider="calling", placement="thread", aliases=("caller", "caller:7b")),
        ModelEntry(id="plain", provider="plain", placement="thread"),
        ModelEntry(id="scripted", provider="scripted", placement="thread"),
        ModelEntry(id="broken", provider="toy", config={"fail": "load"}, placement="thread"),
    )
    made = msgspec.structs.replace(settings, models=models, max_loaded_models=4)
    with live_server(made, PluginsWithCalling()) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: LiveServer) -> Iterator[ollama.Client]:
    with ollama.Client(server.url) as made:
        yield made


@pytest.fixture(scope="session")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The objects of an NDJSON answer, which has to be one to the letter."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    lines = answer.text.removesuffix("\n").split("\n")
    assert all(line.strip() for line in lines)
    return [json.loads(line) for line in lines]
