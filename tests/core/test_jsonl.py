"""The JSON-lines sink keeps the contract of all sinks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heylook_core.testkit import SinkContract

pytestmark = pytest.mark.unit


class TestJsonLines(SinkContract):
    sink = "jsonl"

    def read(self, folder: Path) -> list[dict[str, Any]]:
        lines = (folder / "logs" / "requests.jsonl").read_bytes().split(b"\n")
        assert lines.pop() == b""
        return [json.loads(line) for line in lines]
