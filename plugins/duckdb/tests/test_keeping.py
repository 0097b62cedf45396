"""Retention by age and by size; hours are summed up before their requests are forgotten."""

from __future__ import annotations

import time

import pytest

from heylook_duckdb.keeping import DAY, Keeping

pytestmark = pytest.mark.integration

# Noon of a day to come: the sink's own housekeeping, by the real clock, leaves these records alone.
NOON = time.time() // DAY * DAY + 60 * DAY + DAY / 2


def test_records_leave_after_their_days_and_their_hours_stay_as_sums(store):
    seconds = [0.5, 1.5, 4.0]
    old = [store.record(request_id=f"old-{n}", at=NOON - 40 * DAY, total_seconds=t) for n, t in enumerate(seconds)]
    failed = store.record(request_id="failed", at=NOON - 40 * DAY, outcome="failed", total_seconds=99.0)
    store.keep(*old, failed, store.record(request_id="new", at=NOON - DAY), retention_days=100_000)
    Keeping(store.path, retention_days=30, max_db_size_mb=1000).run(NOON)
    assert [row["request_id"] for row in store.rows()] == ["new"]
    sums = store.rows("SELECT * FROM performance_summary WHERE operation = 'request' ORDER BY timestamp")
    assert [(row["count"], row["avg_seconds"], row["min_seconds"], row["max_seconds"]) for row in sums] == [
        (3, 2.0, 0.5, 4.0),
        (1, 0.5, 0.5, 0.5),
    ]
    assert sums[0]["p95_seconds"] == pytest.approx(3.75)


def test_an_hour_is_summed_up_once_and_only_when_it_is_over(store):
    store.keep(store.record(at=NOON - 3600), store.record(at=NOON + 60), retention_days=100_000)
    for _ in range(2):
        Keeping(store.path, retention_days=100_000, max_db_size_mb=1000).run(NOON + 120)
    sums = store.rows("SELECT count FROM performance_summary WHERE operation = 'request'")
    assert sums == [{"count": 1}]


def test_a_file_that_is_too_large_loses_its_oldest_records_and_becomes_smaller(store):
    now = time.time()
    large = [
        store.record(
            request_id=f"{n:05}",
            at=now - 50_000 + n,
            reuse=f"{n:05}" + "".join(chr(33 + (n * k) % 90) for k in range(900)),
        )
        for n in range(9_000)
    ]
    store.keep(*large)
    before = store.path.stat().st_size
    assert before > 6 << 20
    Keeping(store.path, retention_days=30, max_db_size_mb=5).run(now)
    assert store.path.stat().st_size <= 5 << 20
    ids = [row["request_id"] for row in store.rows("SELECT request_id FROM request_logs ORDER BY request_id")]
    assert ids
    assert ids == [f"{n:05}" for n in range(9_000 - len(ids), 9_000)]
    assert [path.name for path in store.path.parent.iterdir()] == ["analytics.db"]


def test_the_sink_itself_keeps_the_file_within_its_size(store):
    texts = ["".join(chr(33 + (n * k) % 90) for k in range(2000)) for n in range(90)]
    store.keep(*(store.record(reuse=f"{n}{texts[n % 90]}") for n in range(6000)))
    assert store.path.stat().st_size > 6 << 20
    with store.sink(max_db_size_mb=5):
        deadline = time.monotonic() + 20
        while store.path.stat().st_size > 5 << 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert 0 < len(store.rows()) < 6000
