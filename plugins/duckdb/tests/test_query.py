"""`analytics query`: one SELECT on these tables, and nothing else."""

from __future__ import annotations

import csv
import io
import json

import pytest

from heylook_core.errors import InvalidRequest
from heylook_duckdb import query

pytestmark = pytest.mark.integration

REFUSED = {
    "a write": "INSERT INTO request_logs (request_id) VALUES ('x')",
    "an update": "UPDATE request_logs SET model = 'x'",
    "a deletion": "DELETE FROM request_logs",
    "a table": "CREATE TABLE t (i INT)",
    "a table less": "DROP TABLE request_logs",
    "ATTACH": "ATTACH 'other.db'",
    "COPY out": "COPY request_logs TO 'out.csv'",
    "COPY in": "COPY request_logs FROM 'in.csv'",
    "EXPORT": "EXPORT DATABASE 'all'",
    "INSTALL": "INSTALL httpfs",
    "LOAD": "LOAD json",
    "a pragma": "PRAGMA database_size",
    "a setting": "SET threads = 1",
    "a call": "CALL pragma_version()",
    "EXPLAIN": "EXPLAIN SELECT 1",
    "CHECKPOINT": "CHECKPOINT",
    "several statements": "SELECT 1; SELECT 2",
    "a write behind a SELECT": "SELECT 1; DROP TABLE request_logs",
    "nothing": "  -- only a comment",
    "what is no SQL": "tell me everything",
}
CLOSED = {
    "read_text": "SELECT content FROM read_text('{file}')",
    "read_csv": "SELECT * FROM read_csv('{file}')",
    "read_blob": "SELECT content FROM read_blob('{file}')",
    "a file as a table": "SELECT * FROM '{file}'",
    "a listing": "SELECT * FROM glob('{folder}/*')",
    "the web": "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "a query inside": "SELECT * FROM query('COPY request_logs TO ''{folder}/out.csv''')",
    "the environment": "SELECT getenv('HOME')",
    "a variable of the program": "SELECT * FROM result",
}


@pytest.fixture(autouse=True)
def some(store):
    store.keep(*(store.record(request_id=f"r-{number}", model="m") for number in range(3)))


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED)
def test_only_one_select_is_run(store, sql):
    before = store.path.read_bytes()
    with pytest.raises(InvalidRequest):
        query.run(store.path, sql)
    assert store.path.read_bytes() == before
    assert [path.name for path in store.path.parent.iterdir()] == ["analytics.db"]


@pytest.mark.parametrize("sql", CLOSED.values(), ids=CLOSED)
def test_a_select_sees_no_file_and_nothing_else(store, sql):
    secret = store.path.parent / "secret.csv"
    secret.write_text("a,b\nhidden,1\n")
    with pytest.raises(InvalidRequest) as refused:
        query.run(store.path, sql.format(file=secret, folder=secret.parent))
    assert "hidden" not in refused.value.message
    assert not (secret.parent / "out.csv").exists()


def test_settings_cannot_be_opened_again(store):
    with pytest.raises(InvalidRequest):
        query.run(store.path, "SELECT set_config('enable_external_access', 'true')")


def test_a_query_that_takes_too_long_is_stopped(store):
    sql = "SELECT count(*) FROM range(10000000000) a, range(1000) b WHERE a.range * b.range % 7 = 1"
    with pytest.raises(InvalidRequest, match=r"It took longer than 0\.3 s"):
        query.run(store.path, sql, seconds=0.3)
    assert query.MOST_SECONDS == 5.0


def test_more_rows_than_allowed_are_refused_and_not_cut(store):
    assert len(query.run(store.path, "SELECT * FROM range(10000)").rows) == 10_000
    with pytest.raises(InvalidRequest, match="It has more than 10000 rows; write a LIMIT"):
        query.run(store.path, "SELECT * FROM range(10001)")


def test_the_answer_comes_as_a_table_as_csv_and_as_json(heylook):
    sql = "SELECT request_id, model, NULL AS nothing FROM request_logs ORDER BY request_id"
    table = heylook("analytics", "query", sql)
    assert table.exit_code == 0
    assert [line.split() for line in table.stdout.splitlines()][:2] == [
        ["request_id", "model", "nothing"],
        ["r-0", "m"],
    ]
    rows = list(csv.DictReader(io.StringIO(heylook("analytics", "query", sql, "--format", "csv").stdout)))
    assert rows[2] == {"request_id": "r-2", "model": "m", "nothing": ""}
    answer = json.loads(heylook("analytics", "query", sql, "--format", "json").stdout)
    assert answer[1] == {"request_id": "r-1", "model": "m", "nothing": None}


def test_ordinary_sql_works(store):
    sql = "WITH m AS (SELECT model, count(*) AS n FROM request_logs GROUP BY model) SELECT n FROM m WHERE model = 'm'"
    assert query.run(store.path, sql).rows == [(3,)]
    assert query.run(store.path, "FROM request_logs SELECT count(*);").rows == [(3,)]
