"""`heylookllm analytics report`: its sections, for people, pipes and programs."""

from __future__ import annotations

import contextlib
import io
import json
import time

import pytest

from heylook_duckdb import report
from heylook_duckdb.database import snapshot

pytestmark = pytest.mark.integration

WEEK = 7 * 86_400


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
    assert text.startswith("logs/analytics.db, the last 7d; ")
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


def test_what_came_to_no_model_is_one_row(store, heylook):
    store.keep(*(store.record(model=name, provider="", outcome="failed", error="model_not_found") for name in "ab"))
    found = json.loads(heylook("analytics", "report", "--json").stdout)
    assert [(row["model"], row["requests"]) for row in found["models"]] == [("(none)", 2)]
    assert sorted(row["model"] for row in found["errors"]) == ["a", "b"]


def test_trends_begin_with_the_first_record_and_not_a_week_before(store):
    now = time.time()
    store.keep(*(store.record(at=now - 60 * minutes) for minutes in (1, 5, 9)))
    with snapshot(store.path) as connection:
        trends = report.sections(connection, WEEK, 10)[-1]
    assert [row[1] for row in trends.rows] == [1, 1, 1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_narrow_terminal_cuts_names_and_never_numbers(store, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    store.keep(
        store.record(
            request_id="req-" + "0123456789abcdef" * 2,
            at=time.time() - 60,
            model="some/folder/with-a-model-of-a-long-name-Q4_K_M",
            total_seconds=1234.567,
            load_seconds=1200.25,
            completion_tokens=98_765,
            decode_seconds=20.0,
        )
    )
    with snapshot(store.path) as connection, contextlib.redirect_stdout(Terminal()) as terminal:
        report.show(report.sections(connection, WEEK, 10))
    lines = terminal.getvalue().splitlines()
    assert [line for line in lines if len(line) > 80] == []
    words = [word for line in lines for word in line.split()]
    assert words.count("1234.567") == 2 * 2 + 2 + 1  # average and p95 of three sections, and the slow request
    assert {"1200.250", "load", "98765", "11+98765"} <= set(words)
