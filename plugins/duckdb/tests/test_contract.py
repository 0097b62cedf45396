"""The sink keeps the contract of all sinks."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from heylook_core.testkit import SinkContract
from heylook_duckdb.database import snapshot
from heylook_duckdb.schema import REQUESTS

pytestmark = pytest.mark.integration

DERIVED = {"tokens_per_second", "messages", "response_text", "error_message"}


class TestDuckDb(SinkContract):
    sink = "duckdb"

    def read(self, folder: Path) -> list[dict[str, Any]]:
        path = folder / "logs" / "analytics.db"
        if not path.exists():
            return []
        with snapshot(path) as connection:
            names = [name for name in REQUESTS if name not in DERIVED]
            found = connection.execute(f"SELECT {', '.join(names)} FROM request_logs ORDER BY rowid").fetchall()
        return [_as_record(dict(zip(names, row, strict=True))) for row in found]


def _as_record(row: dict[str, Any]) -> dict[str, Any]:
    at = row.pop("timestamp").replace(tzinfo=UTC).timestamp()
    return {**row, "at": at}
