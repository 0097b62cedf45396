"""One SELECT, on a copy of the tables, within limits: nothing else can be done with it."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import msgspec

from heylook_core.cli.table import show
from heylook_core.errors import InvalidRequest
from heylook_duckdb.database import snapshot

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_SECONDS = 5.0
MOST_ROWS = 10_000


class Result(NamedTuple):
    columns: list[str]
    rows: list[tuple[Any, ...]]


def run(path: Path, sql: str, seconds: float = MOST_SECONDS, most: int = MOST_ROWS) -> Result:
    """Raises InvalidRequest for anything but one SELECT, for more rows or seconds than allowed, and for faults."""
    import duckdb

    check(sql)
    with snapshot(path) as connection, _within(connection, seconds) as late:
        try:
            cursor = connection.execute(sql)
            rows = cursor.fetchmany(most + 1)
        except duckdb.InterruptException as error:
            raise _refused(f"It took longer than {seconds:g} s") from error
        except duckdb.Error as error:
            if late.is_set():
                raise _refused(f"It took longer than {seconds:g} s") from error
            raise InvalidRequest(str(error)) from error
        columns = [str(column[0]) for column in cursor.description or ()]
    if len(rows) > most:
        raise _refused(f"It has more than {most} rows; write a LIMIT")
    return Result(columns, rows)


def check(sql: str) -> None:
    """Raises InvalidRequest unless the text is one SELECT, by DuckDB's own parser."""
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise InvalidRequest(str(error)) from error
    if len(statements) != 1:
        raise _refused(f"It has {len(statements)} statements, and one is run")
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        raise _refused(f"It is a statement of the kind {kind.name}, and only SELECT is run")


@contextmanager
def _within(connection: DuckDBPyConnection, seconds: float) -> Iterator[threading.Event]:
    """Interrupt what runs on the connection after that time; the event says whether that happened."""
    late = threading.Event()

    def interrupt() -> None:
        late.set()
        connection.interrupt()

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        timer.join()


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"The query is refused. {why}.")


def write(result: Result, form: str, file: TextIO) -> None:
    if form == "csv":
        writer = csv.writer(file)
        writer.writerow(result.columns)
        writer.writerows(result.rows)
    elif form == "json":
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
        file.write(msgspec.json.format(msgspec.json.encode(rows, enc_hook=str)).decode() + "\n")
    else:
        show(result.columns, [["" if value is None else str(value) for value in row] for row in result.rows])
