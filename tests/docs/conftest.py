"""A server whose routes the pages name, with a model of the name that they use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from heylook_core.settings import ModelEntry, Settings
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    models = (ModelEntry(id="heylook-demo", provider="scripted", placement="thread"),)
    settings: Settings = msgspec.structs.replace(toy_settings(), models=models, default_model=None)
    with live_server(settings) as running:
        yield running


@pytest.fixture(scope="session")
def document(server: LiveServer) -> dict[str, Any]:
    """The description of its API."""
    found: dict[str, Any] = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    return found


@pytest.fixture(scope="session")
def routes(document: dict[str, Any]) -> set[str]:
    found = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    return {*found, "GET /docs", "GET /redoc"}
