"""Tables as files."""

from __future__ import annotations

from pathlib import Path

from heylook_duckdb.config import Format
from heylook_duckdb.database import snapshot

OPTIONS: dict[Format, str] = {
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet",
}


def export(database: Path, table: str, format_: Format, folder: Path) -> tuple[Path, int]:
    """The file that was written, and how many rows it has."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{table}.{format_}"
    quoted = str(file).replace("'", "''")
    with snapshot(database, closed=False) as connection:
        connection.execute(f"COPY (SELECT * FROM {table} ORDER BY timestamp) TO '{quoted}' ({OPTIONS[format_]})")
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return file, int(found[0]) if found is not None else 0
