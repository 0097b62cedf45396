"""What the records say: overview, models, slow requests, errors, trends. Averages are of requests that succeeded."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from heylook_core.cli.table import show as show_table
from heylook_duckdb.schema import moment

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RECENT = "timestamp >= ?"
OK = "outcome = 'ok'"


PARTS = ("load", "queue", "prompt", "generation")


class Section(NamedTuple):
    title: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


OVERVIEW = f"""
SELECT count(*) AS requests, count(*) FILTER ({OK}) AS ok, count(*) FILTER (outcome = 'failed') AS failed,
    count(*) FILTER (outcome = 'cancelled') AS cancelled, count(DISTINCT model) FILTER (provider <> '') AS models,
    round(avg(total_seconds) FILTER ({OK}), 3) AS avg_seconds,
    round(quantile_cont(total_seconds, 0.95) FILTER ({OK}), 3) AS p95_seconds,
    round(avg(first_token_seconds) FILTER ({OK} AND first_token_seconds > 0), 3) AS first_token,
    round(avg(tokens_per_second) FILTER ({OK} AND tokens_per_second > 0), 1) AS tokens_per_second,
    sum(prompt_tokens)::BIGINT AS prompt_tokens, sum(completion_tokens)::BIGINT AS generated_tokens,
    round(100.0 * sum(cached_tokens) / nullif(sum(prompt_tokens), 0), 1) AS cached_percent
FROM request_logs WHERE {RECENT}
"""

MODELS = f"""
SELECT CASE provider WHEN '' THEN '(none)' ELSE model END AS model, any_value(provider) AS provider,
    count(*) AS requests,
    count(*) FILTER (outcome = 'failed') AS failed,
    round(avg(total_seconds) FILTER ({OK}), 3) AS avg_seconds,
    round(quantile_cont(total_seconds, 0.95) FILTER ({OK}), 3) AS p95_seconds,
    round(avg(first_token_seconds) FILTER ({OK} AND first_token_seconds > 0), 3) AS first_token,
    round(avg(tokens_per_second) FILTER ({OK} AND tokens_per_second > 0), 1) AS tokens_per_second,
    sum(completion_tokens)::BIGINT AS generated_tokens
FROM request_logs WHERE {RECENT} GROUP BY 1 ORDER BY requests DESC, model
"""

SLOW = f"""
SELECT strftime(timestamp, '%Y-%m-%d %H:%M:%S') AS time, request_id, model, kind, round(total_seconds, 3) AS seconds,
    round(load_seconds, 3) AS load, round(queue_seconds, 3) AS queue, round(prefill_seconds, 3) AS prompt,
    round(decode_seconds, 3) AS generation, prompt_tokens, completion_tokens
FROM request_logs WHERE {RECENT} AND {OK} ORDER BY total_seconds DESC, request_id LIMIT ?
"""

ERRORS = f"""
SELECT error, status, model, count(*) AS requests, strftime(max(timestamp), '%Y-%m-%d %H:%M:%S') AS last,
    arg_max(request_id, timestamp) AS last_request
FROM request_logs WHERE {RECENT} AND outcome = 'failed'
GROUP BY error, status, model ORDER BY requests DESC, last DESC LIMIT ?
"""

TRENDS = f"""
SELECT strftime(time_bucket(to_seconds(?), timestamp), '%Y-%m-%d %H:%M') AS time, count(*) AS requests,
    count(*) FILTER (outcome = 'failed') AS failed,
    round(avg(total_seconds) FILTER ({OK}), 3) AS avg_seconds,
    round(quantile_cont(total_seconds, 0.95) FILTER ({OK}), 3) AS p95_seconds,
    round(avg(tokens_per_second) FILTER ({OK} AND tokens_per_second > 0), 1) AS tokens_per_second
FROM request_logs WHERE {RECENT} GROUP BY ALL ORDER BY time
"""

FIRST = f"SELECT min(timestamp) FROM request_logs WHERE {RECENT}"

STEPS = (60, 300, 900, 3600, 10_800, 86_400, 604_800)
MOST_POINTS = 24


def sections(connection: DuckDBPyConnection, seconds: int, limit: int) -> list[Section]:
    """`seconds` back from now; `limit` slow requests and kinds of errors."""
    now = moment(time.time())
    start = now - timedelta(seconds=seconds)
    return [
        _section(connection, "Overview", OVERVIEW, start),
        _section(connection, "Models", MODELS, start),
        _section(connection, "Slow requests", SLOW, start, limit),
        _section(connection, "Errors", ERRORS, start, limit),
        _section(connection, "Trends", TRENDS, _step(connection, start, now), start),
    ]


def _step(connection: DuckDBPyConnection, start: datetime, now: datetime) -> int:
    """Seconds from one point of the trends to the next: few points from the first record to now."""
    found = connection.execute(FIRST, [start]).fetchone()
    first = found[0] if found is not None and found[0] is not None else start
    span = (now - first).total_seconds()
    return next((step for step in STEPS if span / step <= MOST_POINTS), STEPS[-1])


def _section(connection: DuckDBPyConnection, title: str, sql: str, *arguments: int | datetime) -> Section:
    cursor = connection.execute(sql, arguments)
    columns = [str(column[0]) for column in cursor.description or ()]
    return Section(title, columns, cursor.fetchall())


def show(found: list[Section]) -> None:
    terminal = sys.stdout.isatty()
    for section in found:
        click.echo(click.style(section.title, bold=True) if terminal else f"=== {section.title} ===")
        if section.title == "Overview":
            rows = zip(section.columns, section.rows[0], strict=True)
            show_table(["", ""], [[name.replace("_", " "), _text(name, value)] for name, value in rows])
        elif section.rows:
            _show_rows(_narrow(section) if terminal else section)
        else:
            click.echo("none")
        click.echo()


def _show_rows(section: Section) -> None:
    heads = [name.replace("_", "\n") for name in section.columns] if sys.stdout.isatty() else section.columns
    rows = [[_text(name, value) for name, value in zip(section.columns, row, strict=True)] for row in section.rows]
    show_table(heads, rows)


def _narrow(section: Section) -> Section:
    """Of slow requests a terminal has room for where most of the time went, and not for all of their times."""
    if section.title != "Slow requests":
        return section
    rows = []
    for row in section.rows:
        one = dict(zip(section.columns, row, strict=True))
        most = max(PARTS, key=lambda part: float(one[part]))
        tokens = f"{one['prompt_tokens']}+{one['completion_tokens']}"
        rows.append((one["time"][5:], one["seconds"], one[most], most, tokens, one["model"], one["request_id"]))
    return Section(section.title, ["time", "seconds", "most_of_it", "for", "tokens", "model", "request_id"], rows)


def _text(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if name in ("tokens_per_second", "cached_percent") else f"{value:.3f}"
    return "-" if value is None else str(value)


def as_json(found: list[Section]) -> str:
    """One object; its keys are the titles in lower case."""
    whole = {
        section.title.lower().replace(" ", "_"): [dict(zip(section.columns, row, strict=True)) for row in section.rows]
        for section in found
    }
    return msgspec.json.format(msgspec.json.encode(whole, enc_hook=_plain)).decode()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
