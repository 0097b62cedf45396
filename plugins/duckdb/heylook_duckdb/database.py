"""The file: opened for as short as possible, because DuckDB locks it for one process at a time."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heylook_core.errors import ConfigError, Unavailable
from heylook_duckdb.journal import bring_in, journals
from heylook_duckdb.schema import statements

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAGIC_AT, MAGIC = 8, b"DUCK"
WAIT_SECONDS = 10.0
# No file but the database, no extension, no settings, no variables of this program.
CLOSED: dict[str, Any] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "memory_limit": "1GB",
    "max_temp_directory_size": "1GB",
    "lock_configuration": True,
}


def is_busy(error: BaseException) -> bool:
    """Somebody has the file for a moment: another process, or another connection of this one."""
    import duckdb

    if isinstance(error, duckdb.ConnectionException | duckdb.ResourceInUseException):
        return True
    return isinstance(error, duckdb.IOException) and "lock" in str(error).lower()


def is_passing(error: BaseException) -> bool:
    """The file cannot be used now, and perhaps later: it is busy, or the disk is full or gone."""
    import duckdb

    return is_busy(error) or isinstance(error, duckdb.IOException | duckdb.TransactionException | OSError)


def check(path: Path) -> None:
    """Raises ConfigError for a file that is something else."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file with db_path.")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            file.seek(MAGIC_AT)
            if file.read(len(MAGIC)) != MAGIC:
                raise ConfigError(f"{path} is not a DuckDB database; name another file with db_path.")


@contextmanager
def writing(path: Path) -> Iterator[DuckDBPyConnection]:
    """The file alone for us. Raises duckdb.Error where another process has it, or there is no room."""
    import duckdb

    connection = duckdb.connect(str(path), config={"threads": 1})
    try:
        yield connection
    finally:
        connection.close()


def create(path: Path) -> None:
    """The file with its tables, as far as they are missing."""
    with writing(path) as connection:
        make_tables(connection)


def make_tables(connection: DuckDBPyConnection) -> None:
    """Those that are missing, and the columns that an older file lacks."""
    for statement in statements():
        connection.execute(statement)


@contextmanager
def snapshot(path: Path, closed: bool = True) -> Iterator[DuckDBPyConnection]:
    """A copy of the file, read-only: the server goes on writing meanwhile.

    `closed` keeps a query from everything but these tables. Raises ConfigError where there is no such file.
    """
    import duckdb

    check(path)
    if not path.is_file() and not journals(path):
        raise ConfigError(f"There is no database {path} yet; `heylookllm analytics setup` says how to make one.")
    with tempfile.TemporaryDirectory(prefix="heylook-") as folder:
        copy = Path(folder) / path.name
        with _still(path):
            for file in (path, path.with_name(f"{path.name}.wal"), *journals(path)):
                if file.exists():
                    shutil.copyfile(file, copy.with_name(file.name))
        _settle(copy)
        connection = duckdb.connect(str(copy), read_only=True, config=CLOSED if closed else {})
        try:
            yield connection
        finally:
            connection.close()


def _settle(copy: Path) -> None:
    """Work into the copy what is not in the database yet, and add what an older one lacks."""
    with writing(copy) as connection:
        make_tables(connection)
        for journal in journals(copy):
            bring_in(connection, journal)


@contextmanager
def _still(path: Path) -> Iterator[None]:
    """Nobody writes into the database while this is open. Raises Unavailable if somebody does for too long."""
    import duckdb

    if not path.exists():
        yield
        return
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            held = duckdb.connect(str(path), read_only=True)
        except duckdb.Error as error:
            if time.monotonic() > deadline or not is_passing(error):
                raise Unavailable(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
            time.sleep(0.02)
        else:
            break
    try:
        yield
    finally:
        held.close()
