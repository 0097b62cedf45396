"""A server with the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heylook_core.plugins import Plugins
from heylook_core.testkit.server import LiveServer, live_server, toy_settings


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    plugins = Plugins(only=frozenset({"docs_ui"}))
    plugins.load_hooks()
    with live_server(toy_settings(answer_tokens=8), plugins) as running:
        yield running
