"""How long records are kept: by age, and by the size of the file. Hours that are over are summed up before."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from heylook_duckdb.database import writing
from heylook_duckdb.schema import moment

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
DAY = 86_400.0
SUMMARY_DAYS = 400
SHRINK_TO = 0.7
MEASURED = {
    "request": "total_seconds",
    "queue": "queue_seconds",
    "model_load": "load_seconds",
    "prompt": "prefill_seconds",
    "first_token": "first_token_seconds",
    "generation": "decode_seconds",
}


class Keeping:
    """Run on the writer's thread. Raises duckdb.Error where the file cannot be written."""

    def __init__(self, path: Path, retention_days: int, max_db_size_mb: int) -> None:
        self._path = path
        self._days = retention_days
        self._most = max_db_size_mb << 20
        self._due = 0.0

    def pause(self, now: float) -> float:
        """Seconds until there is something to do."""
        if not self._path.exists():
            return EVERY_SECONDS
        return 0.0 if self._path.stat().st_size > self._most else min(max(self._due - now, 0.0), EVERY_SECONDS)

    def run(self, now: float) -> None:
        if not self._path.exists():
            return
        if now >= self._due:
            with writing(self._path) as connection:
                if _has_tables(connection):
                    sum_up(connection, now)
                    forget(connection, now, self._days)
            self._due = now + EVERY_SECONDS
        if self._path.stat().st_size > self._most:
            self._shrink()

    def _shrink(self) -> None:
        """Drop the oldest records and write the rest into a new file: DuckDB does not give deleted rows' room back."""
        before = self._path.stat().st_size
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        try:
            with writing(self._path) as connection:
                keep_share(connection, SHRINK_TO * self._most / before)
                _copy_into(connection, fresh)
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)
        log.info("%s was %d MB; its oldest records are gone", self._path, before >> 20)


def _has_tables(connection: DuckDBPyConnection) -> bool:
    found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'request_logs'").fetchone()
    return found is not None and found[0] == 1


def sum_up(connection: DuckDBPyConnection, now: float) -> None:
    """A row for each model and operation of each hour that is over and has none yet. Requests that succeeded only."""
    this_hour = moment(now // 3600 * 3600)
    for operation, column in MEASURED.items():
        connection.execute(
            f"""
            INSERT INTO performance_summary
            SELECT date_trunc('hour', timestamp) AS hour, model, ?, count(*), avg({column}), min({column}),
                max({column}), quantile_cont({column}, 0.95)
            FROM request_logs
            WHERE outcome = 'ok' AND {column} IS NOT NULL AND timestamp < ? AND date_trunc('hour', timestamp) > (
                SELECT coalesce(max(timestamp), TIMESTAMP '1970-01-01') FROM performance_summary WHERE operation = ?
            )
            GROUP BY ALL
            """,
            [operation, this_hour, operation],
        )


def forget(connection: DuckDBPyConnection, now: float, days: int) -> None:
    oldest = moment(now - days * DAY)
    for table in ("request_logs", "model_switches"):
        connection.execute(f"DELETE FROM {table} WHERE timestamp < ?", [oldest])
    connection.execute("DELETE FROM performance_summary WHERE timestamp < ?", [moment(now - SUMMARY_DAYS * DAY)])
    connection.execute("DELETE FROM journals WHERE timestamp < ?", [moment(now - 7 * DAY)])


def keep_share(connection: DuckDBPyConnection, share: float) -> None:
    """The newest share of the records, and of what was told of models."""
    for table in ("request_logs", "model_switches"):
        count = f"SELECT ceil(count(*) * ?)::BIGINT FROM {table}"
        oldest = f"SELECT rowid FROM {table} ORDER BY timestamp, rowid LIMIT ({count})"
        connection.execute(f"DELETE FROM {table} WHERE rowid IN ({oldest})", [1 - share])


def _copy_into(connection: DuckDBPyConnection, fresh: Path) -> None:
    name = connection.execute("SELECT current_database()").fetchone()
    if name is None:
        raise RuntimeError("The database has no name.")
    connection.execute(f"ATTACH '{str(fresh).replace(chr(39), chr(39) * 2)}' AS heylook_fresh")
    quoted = str(name[0]).replace('"', '""')
    connection.execute(f'COPY FROM DATABASE "{quoted}" TO heylook_fresh')
    connection.execute("DETACH heylook_fresh")
