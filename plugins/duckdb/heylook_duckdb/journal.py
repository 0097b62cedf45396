"""Rows on their way into the database: lines in a file beside it, which costs next to nothing and survives a crash.

DuckDB takes some 50 ms of processor time to open, write and close its file, whatever is written: done twice a second
that would be felt. So rows are noted here at once, and brought into the database together, now and then. Whoever reads
the database reads the journals too.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from heylook_duckdb.schema import Row, insertion, whole

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SUFFIX = ".journal"
_LINE = msgspec.json.Decoder(tuple[str, msgspec.Raw])

Noted = tuple[str, Row]


class Journal:
    """One journal of this process, locked while it is open. Made at the first row. One thread."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.{uuid.uuid4().hex}{SUFFIX}")
        self.size = 0
        self._file = self.path.open("ab", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def append(self, rows: list[Noted]) -> None:
        """All of them or none. Raises OSError."""
        lines = b"".join(msgspec.json.encode((table, whole(table, row))) + b"\n" for table, row in rows)
        try:
            written = self._file.write(lines)
        except OSError:
            written = 0
        if written != len(lines):
            self._file.truncate(self.size)
            raise OSError(28, os.strerror(28))
        self.size += len(lines)

    def close(self) -> None:
        self._file.close()


def journals(database: Path) -> list[Path]:
    """Those beside a database, whosoever's they are."""
    return sorted(database.parent.glob(f"{_escaped(database.name)}.*{SUFFIX}"))


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def abandoned(database: Path) -> list[Path]:
    """Journals whose process has ended without bringing them in."""
    return [path for path in journals(database) if _is_free(path)]


def _is_free(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def noted(path: Path) -> list[tuple[str, str]]:
    """Table and JSON of each row; a last line that was not finished is left out."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [(table, bytes(row).decode()) for table, row in map(_LINE.decode, lines)]


def bring_in(connection: DuckDBPyConnection, path: Path) -> list[str]:
    """Insert the rows of a journal in one transaction, unless they are there already; complaints about some of them.

    What has been brought in is remembered by the journal's name, in the same transaction: a crash before the journal is
    removed does not double its rows.
    """
    name = path.name
    if connection.execute("SELECT 1 FROM journals WHERE name = ?", [name]).fetchone() is not None:
        return []
    complaints: list[str] = []
    connection.begin()
    try:
        _insert(connection, noted(path))
        connection.execute("INSERT INTO journals VALUES (?, now()::TIMESTAMP)", [name])
        connection.commit()
    except BaseException as error:
        connection.rollback()
        if not _does_not_fit(error):
            raise
        complaints = _one_by_one(connection, path)
    return complaints


def _does_not_fit(error: BaseException) -> bool:
    """It is the value that cannot be stored, and not the file that cannot be written."""
    import duckdb

    return isinstance(error, duckdb.DataError | duckdb.InvalidInputException)


def _one_by_one(connection: DuckDBPyConnection, path: Path) -> list[str]:
    """Some row does not fit: each is stored by itself, with the columns of now if another version has noted it."""
    complaints = []
    for table, line in noted(path):
        row = whole(table, msgspec.json.decode(line))
        try:
            _insert(connection, [(table, msgspec.json.encode(row).decode())])
        except Exception as error:
            if not _does_not_fit(error):
                raise
            complaints.append(str(error).splitlines()[0])
    connection.execute("INSERT INTO journals VALUES (?, now()::TIMESTAMP)", [path.name])
    return complaints


def _insert(connection: DuckDBPyConnection, rows: list[tuple[str, str]]) -> None:
    for table in dict(rows):
        connection.execute(insertion(table), [[row for name, row in rows if name == table]])
