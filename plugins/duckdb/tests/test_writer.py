"""Writing: short transactions, readers in between, and trouble that harms nobody."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from heylook_duckdb import writer as writing
from heylook_duckdb.database import writing as in_database
from heylook_duckdb.journal import Journal, bring_in

pytestmark = pytest.mark.integration

HOLD = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
sys.stdout.write("held\\n"); sys.stdout.flush()
sys.stdin.readline()
"""

SERVE = """
import sys, time
from heylook_core.plugins import Plugins
from heylook_core.sinks import attached
from heylook_core.testkit.sink_contract import PLAIN
import msgspec
plugins = Plugins()
with attached(["duckdb"], plugins):
    for number in range(100000):
        record = msgspec.structs.replace(PLAIN, request_id=f"r-{number:06}", at=time.time())
        plugins.notify("request_finished", record=record, content=None)
        sys.stdout.write(f"{number} {time.time()}\\n"); sys.stdout.flush()
        time.sleep(0.005)
"""


@pytest.fixture
def held(store):
    """Another process has the database open; ends when its standard input does."""
    store.keep()
    store.path.parent.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate()


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_file_can_be_read_while_the_sink_goes_on(store):
    with store.sink() as plugins:
        for number in range(3):
            plugins.notify("request_finished", record=store.record(request_id=f"r-{number}"), content=None)
            wait_for(lambda number=number: store.path.exists() and len(store.rows()) == number + 1)


def test_no_record_is_lost_while_another_process_has_the_file(store, held, caplog, monkeypatch):
    monkeypatch.setattr(writing, "LAST_SECONDS", 0.2)
    store.keep(*(store.record(request_id=f"r-{number:02}") for number in range(50)))
    held.communicate("\n")
    assert len(store.rows()) == 50
    store.keep(store.record(request_id="r-50"))
    assert [row["request_id"] for row in store.rows()] == [f"r-{number:02}" for number in range(51)]
    assert list(store.path.parent.iterdir()) == [store.path]
    assert "not stored" not in caplog.text


def test_a_file_that_stays_locked_costs_records_at_last_and_one_warning_but_no_request(
    store, held, caplog, monkeypatch
):
    for name, value in {"MOST_BYTES": 2000, "MERGE_BYTES": 0, "LAST_SECONDS": 0.2, "NOTE_SECONDS": 0.01}.items():
        monkeypatch.setattr(writing, name, value)
    with caplog.at_level(logging.WARNING, "heylook_duckdb"), store.sink() as plugins:
        for number in range(60):
            plugins.notify("request_finished", record=store.record(request_id=f"r-{number:02}"), content=None)
            time.sleep(0.03)
        wait_for(lambda: caplog.records)
    held.communicate("\n")
    [warning] = caplog.records
    assert warning.message.endswith("the database could not be written for too long")
    kept = [row["request_id"] for row in store.rows()]
    assert 0 < len(kept) < 60
    assert kept == [f"r-{number:02}" for number in range(len(kept))]


def test_rows_are_not_doubled_by_a_crash_between_the_database_and_the_journal(store):
    store.keep(store.record(request_id="a"))
    journal = Journal(store.path)
    journal.append([("request_logs", {"request_id": "b"})])
    journal.close()
    with in_database(store.path) as connection:
        bring_in(connection, journal.path)
    assert len(store.rows()) == 2
    store.keep()
    assert [row["request_id"] for row in store.rows()] == ["a", "b"]
    assert list(store.path.parent.iterdir()) == [store.path]


def test_a_line_that_was_not_finished_is_left_out(store):
    store.keep(store.record(request_id="a"))
    journal = Journal(store.path)
    journal.append([("request_logs", {"request_id": "b"})])
    with journal.path.open("ab") as file:
        file.write(b'["request_logs", {"request_')
    assert [row["request_id"] for row in store.rows()] == ["a", "b"]
    journal.close()


def test_a_journal_of_another_version_is_brought_in_with_the_columns_that_it_has(store):
    store.path.parent.mkdir()
    rows = [{"request_id": "old", "prompt_tokens": 7, "a_column_of_then": 1}, {"request_id": "older"}]
    lines = b"".join(msgspec.json.encode(("request_logs", row)) + b"\n" for row in rows)
    (store.path.parent / "analytics.db.0.journal").write_bytes(lines)
    store.keep()
    assert {row["request_id"]: row["prompt_tokens"] for row in store.rows()} == {"old": 7, "older": None}


def test_the_journal_of_a_server_that_runs_is_left_to_it(store):
    store.path.parent.mkdir()
    other = Journal(store.path)
    other.append([("request_logs", {"request_id": "theirs"})])
    store.keep(store.record(request_id="ours"))
    assert other.path.exists()
    assert sorted(row["request_id"] for row in store.rows()) == ["ours", "theirs"]
    other.close()


def test_a_full_disk_costs_records_and_one_warning_and_what_was_stored_stays(store):
    """RLIMIT_FSIZE makes every write beyond a size fail, as a full disk does."""
    store.keep(store.record(request_id="before"))
    script = SERVE.replace("range(100000)", "range(300)") + "\nsys.stderr.write('over\\n')\n"
    limit = 20_000
    script = (
        "import resource, signal, logging\nlogging.basicConfig(level='WARNING')\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n" + script.replace("0.005", "0.002")
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("not stored") == 1
    assert ended.stderr.endswith("over\n")
    assert "before" in [row["request_id"] for row in store.rows()]
    store.keep(store.record(request_id="after"))
    assert "after" in [row["request_id"] for row in store.rows()]


def test_kill_minus_nine_loses_at_most_the_last_second(store):
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: store.path.exists() and len(store.rows("SELECT 1 FROM request_logs LIMIT 300")) == 300)
        finally:
            process.send_signal(signal.SIGKILL)
            killed_at = time.time()
        told = dict(line.split() for line in process.communicate()[0].splitlines() if line.count(" ") == 1)
    stored = {int(row["request_id"][2:]) for row in store.rows()}
    assert stored == set(range(len(stored)))
    lost = [float(at) for number, at in told.items() if int(number) not in stored]
    assert all(killed_at - at <= 1.0 for at in lost)


def test_a_record_that_no_column_can_hold_is_dropped_alone_in_its_batch(store, caplog):
    with caplog.at_level(logging.WARNING, "heylook_duckdb"):
        store.keep(store.record(request_id="a"), store.record(prompt_tokens=2**70), store.record(request_id="b"))
    assert [row["request_id"] for row in store.rows()] == ["a", "b"]
    assert caplog.text.count("not stored") == 1
