"""A sink that appends a row for each finished request to `requests.csv` in the working directory."""

from __future__ import annotations

import csv
from pathlib import Path

from heylook_core.analytics import NoSinkConfig, RequestRecord, Sink

COLUMNS = ("request_id", "model", "outcome", "prompt_tokens", "completion_tokens", "total_seconds")


class CsvSink(Sink):
    """Made when the server starts, closed when it ends. `config` is an instance of its `Config`, here without keys."""

    def __init__(self, config: NoSinkConfig) -> None:
        path = Path("requests.csv")
        is_new = not path.exists()
        self._file = path.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        if is_new:
            self._rows.writerow(COLUMNS)

    def record(self, record: RequestRecord) -> None:
        """Called on the event loop: this only fills a buffer. What is slow belongs to a thread of the sink's own."""
        self._rows.writerow([getattr(record, column) for column in COLUMNS])

    def close(self) -> None:
        self._file.close()
