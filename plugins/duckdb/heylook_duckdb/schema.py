"""The tables, and how records become their rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_core.analytics import RequestRecord

if TYPE_CHECKING:
    from heylook_core.residency_events import ResidencyEvent

# Names and types of columns. Those of `request_logs` are named as in RequestRecord, but for `timestamp`, which is `at`.
REQUESTS = {
    "timestamp": "TIMESTAMP",
    "request_id": "VARCHAR",
    "dialect": "VARCHAR",
    "kind": "VARCHAR",
    "model": "VARCHAR",
    "provider": "VARCHAR",
    "streamed": "BOOLEAN",
    "outcome": "VARCHAR",
    "status": "INTEGER",
    "error": "VARCHAR",
    "finish": "VARCHAR",
    "prompt_tokens": "BIGINT",
    "cached_tokens": "BIGINT",
    "completion_tokens": "BIGINT",
    "reasoning_tokens": "BIGINT",
    "images": "INTEGER",
    "audio_seconds": "DOUBLE",
    "queue_seconds": "DOUBLE",
    "load_seconds": "DOUBLE",
    "prefill_seconds": "DOUBLE",
    "decode_seconds": "DOUBLE",
    "first_token_seconds": "DOUBLE",
    "gap_p50_seconds": "DOUBLE",
    "gap_p95_seconds": "DOUBLE",
    "total_seconds": "DOUBLE",
    "tokens_per_second": "DOUBLE",
    "reuse": "VARCHAR",
    "messages": "JSON",
    "response_text": "VARCHAR",
    "error_message": "VARCHAR",
}
BASIC = (
    "timestamp",
    "request_id",
    "model",
    "provider",
    "kind",
    "outcome",
    "total_seconds",
    "first_token_seconds",
    "tokens_per_second",
    "prompt_tokens",
    "completion_tokens",
)
SWITCHES = {
    "timestamp": "TIMESTAMP",
    "model": "VARCHAR",
    "decision": "VARCHAR",
    "reason": "VARCHAR",
    "bytes": "BIGINT",
    "seconds": "DOUBLE",
}
SUMMARY = {
    "timestamp": "TIMESTAMP",
    "model": "VARCHAR",
    "operation": "VARCHAR",
    "count": "BIGINT",
    "avg_seconds": "DOUBLE",
    "min_seconds": "DOUBLE",
    "max_seconds": "DOUBLE",
    "p95_seconds": "DOUBLE",
}
TABLES = {"request_logs": REQUESTS, "model_switches": SWITCHES, "performance_summary": SUMMARY}

Row = dict[str, Any]


def statements() -> list[str]:
    """What makes the tables, or adds the columns that an older file lacks."""
    found = ["CREATE TABLE IF NOT EXISTS journals (name VARCHAR, timestamp TIMESTAMP)"]
    for table, columns in TABLES.items():
        inside = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
        found.append(f"CREATE TABLE IF NOT EXISTS {table} ({inside})")
        found += [f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {type_}" for name, type_ in columns.items()]
    return found


def insertion(table: str) -> str:
    """One statement for any number of rows, which come as one list of JSON objects with exactly these columns.

    DuckDB takes a text for each row in a quarter of the time that it takes for lists of values.
    """
    columns = TABLES[table]
    shape = msgspec.json.encode({name: "VARCHAR" if type_ == "JSON" else type_ for name, type_ in columns.items()})
    values = ", ".join(f"row.{name}::{type_}" for name, type_ in columns.items())
    rows = f"SELECT from_json_strict(unnest(?::VARCHAR[]), '{shape.decode()}') AS row"
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM ({rows})"


def whole(table: str, row: Row) -> Row:
    """The row with every column of its table, and no other."""
    return {name: row.get(name) for name in TABLES[table]}


def request_row(record: RequestRecord, basic: bool) -> Row:
    """At the level basic the other columns are left out."""
    row: Row = msgspec.structs.asdict(record)
    row["timestamp"] = moment(row.pop("at"))
    row["tokens_per_second"] = record.tokens_per_second
    return {name: row[name] for name in BASIC} if basic else row


def switch_row(event: ResidencyEvent) -> Row:
    row: Row = {name: getattr(event, name) for name in SWITCHES if name != "timestamp"}
    return {**row, "timestamp": moment(event.at)}


def moment(at: float) -> datetime:
    """UTC without a zone, as TIMESTAMP has it, to the microsecond."""
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
