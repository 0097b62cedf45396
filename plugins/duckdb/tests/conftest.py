"""A database as the sink makes it, and the command line over it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from heylook_core.analytics import RequestRecord
from heylook_core.cli.root import commands
from heylook_core.plugins import Plugins
from heylook_core.sinks import Wanted, attached
from heylook_core.testkit.sink_contract import PLAIN
from heylook_duckdb.database import snapshot


class Store:
    """`logs/analytics.db` in the working directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def sink(self, **config: Any) -> Iterator[Plugins]:
        """One life of the sink: what is notified meanwhile reaches it."""
        plugins = Plugins()
        with attached([Wanted("duckdb", config)], plugins):
            yield plugins

    def keep(self, *records: RequestRecord, **config: Any) -> None:
        with self.sink(**config) as plugins:
            for record in records:
                plugins.notify("request_finished", record=record, content=None)

    def record(self, **fields: Any) -> RequestRecord:
        return msgspec.structs.replace(PLAIN, **fields)

    def rows(self, sql: str = "SELECT * FROM request_logs ORDER BY timestamp, request_id") -> list[dict[str, Any]]:
        with snapshot(self.path) as connection:
            cursor = connection.execute(sql)
            names = [str(column[0]) for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Store(tmp_path / "logs" / "analytics.db")


@pytest.fixture
def some(store: Store) -> None:
    """Seven records of the last minute, two of which did not succeed, and one that is eight days old."""
    now = time.time()
    store.keep(
        *(store.record(request_id=f"r-{n}", at=now - 60 + n, model="quick", total_seconds=0.1) for n in range(4)),
        store.record(request_id="slowest", at=now - 30, model="slow", total_seconds=9.0, cached_tokens=11),
        store.record(request_id="bad", at=now - 20, outcome="failed", status=500, error="engine", total_seconds=99.0),
        store.record(request_id="left", at=now - 10, outcome="cancelled", status=499, total_seconds=77.0),
        store.record(request_id="old", at=now - 8 * 86_400, model="quick"),
    )


@pytest.fixture
def heylook(store: Store) -> Callable[..., Result]:
    """Runs `heylookllm` with these words."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(commands, list(words), prog_name="heylookllm")

    return run
