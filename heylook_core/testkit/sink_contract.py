"""What every sink promises.

    class TestMySink(SinkContract):
        sink = "mine"                      # entry-point name

        def read(self, folder): ...

The sink is found by its entry point and made with its default configuration, as the server does it, in an empty folder.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from heylook_core.analytics import RequestRecord, Sink
from heylook_core.plugins import SINKS, Plugins
from heylook_core.sinks import attached

PLAIN = RequestRecord(
    request_id="r-0",
    at=int(time.time()) + 0.25,  # of now: a sink may drop what is old
    dialect="openai",
    kind="chat",
    model="toy",
    provider="toy",
    streamed=True,
    outcome="ok",
    finish="stop",
    prompt_tokens=11,
    cached_tokens=3,
    completion_tokens=7,
    first_token_seconds=0.125,
    gap_p50_seconds=0.03125,
    gap_p95_seconds=0.0625,
    total_seconds=0.5,
)


def _changed(**fields: Any) -> RequestRecord:
    return msgspec.structs.replace(PLAIN, **fields)


RECORDS = (
    PLAIN,
    _changed(request_id="r-failed", outcome="failed", status=500, error="engine", finish=None),
    _changed(request_id="r-refused", outcome="failed", status=401, error="authentication", model="", provider=""),
    _changed(request_id="r-cancelled", outcome="cancelled", status=499, completion_tokens=0, first_token_seconds=0.0),
    _changed(request_id="r-embedding", kind="embedding", streamed=False, finish=None, completion_tokens=0),
    _changed(request_id="r-transcription", kind="transcription", provider="speech", audio_seconds=12.5),
    _changed(request_id="r-image", images=3),
    _changed(request_id="r-odd", model="models/\u00fc\u4e2d \"quoted\" 'and' \\ ; --\n\t,", reuse="why; \u20ac"),
    _changed(request_id="r-large", prompt_tokens=2**40, total_seconds=86_400.0 * 365, at=4_102_444_800.0),
    _changed(request_id="r-long", model="m" * 10_000, error="e" * 10_000, outcome="failed"),
)


class SinkContract:
    """Overridable: `sink`, `read`; `lasting = False` where records do not outlive the sink.

    Every key of the sink's `Config` needs a default.
    """

    sink: ClassVar[str]
    lasting: ClassVar[bool] = True

    @abstractmethod
    def read(self, folder: Path) -> list[dict[str, Any]]:
        """What the sink has kept, in order: the fields of RequestRecord that it keeps, `request_id` among them.

        `folder` was the working directory. Called when the sink is closed.
        """

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def make(self) -> Sink:
        cls = Plugins().load(SINKS, self.sink)
        made = cls(cls.Config())
        assert isinstance(made, Sink)
        return made

    def run(self, *records: RequestRecord) -> None:
        """One life of a server that has served these requests."""
        plugins = Plugins()
        with attached([self.sink], plugins):
            for record in records:
                plugins.notify("request_finished", record=record, content=None)

    def assert_kept(self, folder: Path, *records: RequestRecord) -> None:
        rows = self.read(folder)
        assert [row["request_id"] for row in rows] == [record.request_id for record in records]
        for row, record in zip(rows, records, strict=True):
            known = msgspec.structs.asdict(record)
            assert row == {name: known[name] for name in row}

    def test_it_is_found_by_its_entry_point(self) -> None:
        assert issubclass(Plugins().load(SINKS, self.sink), Sink)

    @pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.request_id)
    def test_no_record_makes_it_raise(self, record: RequestRecord) -> None:
        sink = self.make()
        try:
            sink.record(record)
        finally:
            sink.close()

    def test_finished_requests_can_be_read_back(self, folder: Path) -> None:
        self.run(*RECORDS)
        self.assert_kept(folder, *RECORDS)

    def test_nothing_is_lost_of_many_records_at_the_end(self, folder: Path) -> None:
        records = [_changed(request_id=f"r-{number}") for number in range(500)]
        self.run(*records)
        self.assert_kept(folder, *records)

    def test_a_sink_without_records_can_be_closed(self, folder: Path) -> None:
        self.run()
        self.assert_kept(folder)

    def test_closing_twice_is_harmless(self, folder: Path) -> None:
        sink = self.make()
        sink.record(PLAIN)
        sink.close()
        sink.close()
        self.assert_kept(folder, PLAIN)

    def test_records_of_an_earlier_run_stay(self, folder: Path) -> None:
        if not self.lasting:
            pytest.skip("this sink keeps nothing after it is closed")
        self.run(RECORDS[0])
        self.run(RECORDS[1])
        self.assert_kept(folder, RECORDS[0], RECORDS[1])

    def test_no_thread_is_left_behind(self) -> None:
        before = set(threading.enumerate())
        self.run(PLAIN)
        assert set(threading.enumerate()) <= before
