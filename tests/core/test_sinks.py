from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from heylook_core.analytics import RequestRecord
from heylook_core.errors import PluginError
from heylook_core.plugins import Plugins
from heylook_core.sinks import attached

pytestmark = pytest.mark.unit

RECORD = RequestRecord(
    request_id="r1", at=1.0, dialect="openai", kind="chat", model="m", provider="p", streamed=False, outcome="ok"
)

SINKS = """
    from heylook_core.analytics import Sink

    class Broken(Sink):
        def __init__(self, config):
            raise OSError("no room")

        def record(self, record): ...

    class Loud(Sink):
        def record(self, record):
            raise ValueError("no")

        def close(self):
            raise ValueError("no")

    class Lists(Sink):
        records, closed = [], 0

        def record(self, record):
            self.records.append(record)

        def close(self):
            Lists.closed += 1
"""


@pytest.fixture
def plugins(site) -> Plugins:
    points = "\n".join(f"{name.lower()} = sinks_under_test:{name}" for name in ("Broken", "Loud", "Lists"))
    site.install(
        "heylook-sinks",
        f"[heylook.sinks]\njsonl = heylook_core.analytics:JsonLinesSink\n{points}\n",
        sinks_under_test=SINKS,
    )
    return Plugins(only=())


def test_an_attached_sink_gets_every_finished_request_and_is_closed_once(plugins):
    with attached(["lists", "loud"], plugins):
        plugins.notify("request_finished", record=RECORD, content=None)
    plugins.notify("request_finished", record=RECORD, content=None)
    lists = plugins.load("heylook.sinks", "lists")
    assert lists.records == [RECORD]
    assert lists.closed == 1


def test_a_sink_that_cannot_be_had_or_made_is_a_clear_error_and_closes_the_others(plugins):
    with (
        pytest.raises(PluginError, match="The sink 'broken' cannot start: OSError: no room"),
        attached(["lists", "broken"], plugins),
    ):
        pass
    assert plugins.load("heylook.sinks", "lists").closed == 1
    with pytest.raises(PluginError, match="No sink is called 'none'"), attached(["none"], plugins):
        pass


def test_the_json_lines_sink_writes_a_line_for_each_request(plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with attached(["jsonl"], plugins):
        plugins.notify("request_finished", record=RECORD, content=None)
        plugins.notify("request_finished", record=RECORD, content=None)
    lines = Path("logs/requests.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=RequestRecord) for line in lines] == [RECORD, RECORD]
