"""`heylookllm analytics`: setup, report, export."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def some(store):
    now = time.time()
    store.keep(
        *(store.record(request_id=f"r-{n}", at=now - 60 + n, model="quick", total_seconds=0.1) for n in range(4)),
        store.record(request_id="slowest", at=now - 30, model="slow", total_seconds=9.0, cached_tokens=11),
        store.record(request_id="bad", at=now - 20, outcome="failed", status=500, error="engine", total_seconds=99.0),
        store.record(request_id="left", at=now - 10, outcome="cancelled", status=499, total_seconds=77.0),
        store.record(request_id="old", at=now - 8 * 86_400, model="quick"),
    )


def test_setup_makes_an_empty_database_and_says_what_next(store, heylook):
    done = heylook("analytics", "setup")
    assert done.exit_code == 0
    assert "HEYLOOK_ANALYTICS_ENABLED=true heylookllm" in done.stdout
    assert store.rows() == []


def test_setup_leaves_records_that_are_there(store, heylook, some):
    assert heylook("analytics", "setup").exit_code == 0
    assert len(store.rows()) == 8


def test_the_report_has_its_five_sections_and_averages_of_what_succeeded(heylook, some):
    report = json.loads(heylook("analytics", "report", "--json").stdout)
    assert list(report) == ["overview", "models", "slow_requests", "errors", "trends"]
    [overview] = report["overview"]
    assert (overview["requests"], overview["ok"], overview["failed"], overview["cancelled"]) == (7, 5, 1, 1)
    assert overview["avg_seconds"] == pytest.approx((4 * 0.1 + 9.0) / 5, abs=0.001)
    assert {row["model"]: row["requests"] for row in report["models"]} == {"quick": 4, "slow": 1, "toy": 2}
    assert report["slow_requests"][0]["request_id"] == "slowest"
    assert {row["request_id"] for row in report["slow_requests"]}.isdisjoint({"bad", "left"})
    assert [(row["error"], row["status"], row["last_request"]) for row in report["errors"]] == [("engine", 500, "bad")]
    assert sum(row["requests"] for row in report["trends"]) == 7


def test_the_report_for_people_and_how_far_it_goes_back(heylook, some):
    text = heylook("analytics", "report").stdout
    assert [line for line in text.splitlines() if line.startswith("===")] == [
        "=== Overview ===",
        "=== Models ===",
        "=== Slow requests ===",
        "=== Errors ===",
        "=== Trends ===",
    ]
    further = json.loads(heylook("analytics", "report", "--since", "30d", "--json").stdout)
    assert further["overview"][0]["requests"] == 8


@pytest.mark.parametrize("age", ["", "7", "d", "-1d", "7w", "x7d", "1e3d", "0d"])
def test_an_age_that_is_none_is_refused(heylook, some, age):
    done = heylook("analytics", "report", "--since", age)
    assert done.exit_code == 2
    assert "is no age" in done.stderr


def test_a_report_of_nothing_is_no_failure(store, heylook):
    store.keep()
    heylook("analytics", "setup")
    done = heylook("analytics", "report")
    assert done.exit_code == 0
    assert "none" in done.stdout


def test_exports_have_every_row_in_each_format(store, heylook, some, tmp_path):
    import duckdb

    out = tmp_path / "it's out"
    done = heylook(
        "analytics", "export", "--format", "csv", "--format", "json", "--format", "parquet", "--out", str(out)
    )
    assert done.exit_code == 0, done.output
    ids = {row["request_id"] for row in store.rows()}
    with (out / "request_logs.csv").open(newline="") as file:
        assert {row["request_id"] for row in csv.DictReader(file)} == ids
    assert {row["request_id"] for row in json.loads((out / "request_logs.json").read_text())} == ids
    parquet = duckdb.read_parquet(str(out / "request_logs.parquet")).select("request_id").fetchall()
    assert {row[0] for row in parquet} == ids


def test_without_a_format_the_configured_ones_are_written(heylook, some, tmp_path):
    (tmp_path / "models.yaml").write_text("plugins: {sinks: [{name: duckdb, config: {export_formats: [parquet]}}]}\n")
    heylook("analytics", "export")
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["analytics.db", "request_logs.parquet"]


def test_the_database_is_found_by_configuration_variable_and_option(store, heylook, tmp_path, monkeypatch):
    (tmp_path / "models.yaml").write_text("plugins: {sinks: [{name: duckdb, config: {db_path: from_file.db}}]}\n")
    heylook("analytics", "setup")
    monkeypatch.setenv("HEYLOOK_ANALYTICS_DB_PATH", "from_variable.db")
    heylook("analytics", "setup")
    heylook("analytics", "setup", "--db", "from_option.db")
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["from_file.db", "from_option.db", "from_variable.db"]


def test_without_a_database_the_way_to_one_is_told(heylook):
    done = heylook("analytics", "report")
    assert done.exit_code != 0
    assert "heylookllm analytics setup" in str(done.exception)


def test_the_commands_of_the_predecessor_are_there(tmp_path):
    for script, said in (("setup_analytics.py", "is ready"), ("analyze_logs.py", "Overview")):
        done = subprocess.run([sys.executable, ROOT / script], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, said in done.stdout) == (0, True), done.stderr
