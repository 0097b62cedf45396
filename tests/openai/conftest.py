"""One real server for all tests of the OpenAI dialect: a toy model, and a provider that sends every kind of event."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event as ThreadEvent
from typing import Any

import httpx
import msgspec
import openai
import pytest

from heylook_core.messages import (
    Accepted,
    ChatRequest,
    Event,
    Finished,
    FinishReason,
    Reasoning,
    Text,
    Timings,
    ToolArgs,
    ToolOpen,
    Usage,
)
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.provider import Capability, ModelInfo, NoConfig, Provider
from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

ALL: tuple[Capability, ...] = ("chat", "completion", "tools", "schema", "logprobs", "reasoning", "vision", "audio")


class CallingProvider(Provider):
    """Thinks, answers "Let me see." and calls the first tool twice; without tools it only answers."""

    Config = NoConfig

    def load(self) -> None:
        return None

    def info(self) -> ModelInfo:
        return ModelInfo(context=4096, capabilities=ALL)

    def chat(self, request: ChatRequest, cancelled: ThreadEvent) -> Iterator[Event]:
        yield Accepted(7)
        yield Reasoning(0, "First I ")
        yield Reasoning(0, "think.")
        yield Text(0, "Let me ")
        yield Text(0, "see.")
        reason: FinishReason = "stop"
        for index in range(2 if request.tools else 0):
            reason = "tool_calls"
            yield ToolOpen(0, index, f"call_{index}", request.tools[0].name)
            yield ToolArgs(0, index, '{"n": ')
            yield ToolArgs(0, index, f"{index}}}")
        yield Finished(0, reason, Usage(7, 0, 12, 4), Timings())


class PluginsWithCalling(Plugins):
    """The installed plugins and the provider `calling`."""

    def load(self, group: str, name: str) -> type[Any]:
        return CallingProvider if (group, name) == (PROVIDERS, "calling") else super().load(group, name)


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    settings = toy_settings(server={"max_body_bytes": 1 << 20}, answer_tokens=12, context=2048)
    models = (
        *settings.models,
        ModelEntry(id="acme/calling", provider="calling", placement="thread", description="calls tools"),
        ModelEntry(id="scripted", provider="scripted", placement="thread"),
        ModelEntry(id="broken", provider="toy", config={"fail": "load"}, placement="thread"),
    )
    with live_server(msgspec.structs.replace(settings, models=models), PluginsWithCalling()) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: LiveServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture(scope="session")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made
