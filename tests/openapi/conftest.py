"""A server with every API, and its description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LiveServer, live_server, toy_settings


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    settings = toy_settings(answer_tokens=12, context=2048)
    models = (*settings.models, ModelEntry(id="scripted", provider="scripted", placement="thread"))
    with live_server(msgspec.structs.replace(settings, models=models)) as running:
        yield running


@pytest.fixture(scope="session")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as made:
        yield made


@pytest.fixture(scope="session")
def document(http: httpx.Client) -> dict[str, Any]:
    answer = http.get("/openapi.json")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
