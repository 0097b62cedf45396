import csv
from pathlib import Path
from typing import Any

from heylook_core.testkit import SinkContract

NUMBERS = {"prompt_tokens": int, "completion_tokens": int, "total_seconds": float}


class TestCsv(SinkContract):
    sink = "csv"

    def read(self, folder: Path) -> list[dict[str, Any]]:
        with (folder / "requests.csv").open(newline="", encoding="utf-8") as file:
            return [
                {name: NUMBERS.get(name, str)(value) for name, value in row.items()} for row in csv.DictReader(file)
            ]
