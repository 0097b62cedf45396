"""`heylookllm analytics`: setup, export, and where the database is."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


def test_setup_makes_an_empty_database_and_says_what_next(store, heylook):
    done = heylook("analytics", "setup")
    assert done.exit_code == 0
    assert "HEYLOOK_ANALYTICS_ENABLED=true heylookllm" in done.stdout
    assert store.rows() == []


def test_setup_leaves_records_that_are_there(store, heylook, some):
    assert heylook("analytics", "setup").exit_code == 0
    assert len(store.rows()) == 8


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
