"""Writing: short transactions, readers in between, and trouble that harms nobody."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time

import pytest

from heylook_duckdb import writer as writing

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


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_file_can_be_read_while_the_sink_goes_on(store):
    with store.sink() as plugins:
        for number in range(3):
            plugins.notify("request_finished", record=store.record(request_id=f"r-{number}"), content=None)
            wait_for(lambda number=number: store.path.exists() and len(store.rows()) == number + 1)


def test_records_wait_while_another_process_has_the_file_and_none_is_lost(store, held, caplog):
    with store.sink() as plugins:
        for number in range(50):
            plugins.notify("request_finished", record=store.record(request_id=f"r-{number}"), content=None)
        time.sleep(1.2)
        held.communicate("\n")
    assert len(store.rows()) == 50
    assert "not stored" not in caplog.text


def test_a_file_that_stays_locked_costs_records_and_one_warning_but_no_request(store, held, caplog, monkeypatch):
    monkeypatch.setattr(writing, "MOST_WAITING", 20)
    monkeypatch.setattr(writing, "LAST_SECONDS", 0.2)
    with caplog.at_level(logging.WARNING, "heylook_duckdb"), store.sink() as plugins:
        for number in range(60):
            plugins.notify("request_finished", record=store.record(request_id=f"r-{number}"), content=None)
        time.sleep(0.8)
        assert [line.message.partition(":")[0] for line in caplog.records] == [
            f"Records of requests are not stored in {store.path.relative_to(store.path.parents[1])}"
        ]


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
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: store.path.exists() and len(store.rows("SELECT 1 FROM request_logs LIMIT 300")) == 300)
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
