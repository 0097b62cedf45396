"""`heylookllm analytics setup | report | export | query`. DuckDB is imported when a command runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heylook_core.cli.options import config_option
from heylook_core.config import environment

if TYPE_CHECKING:
    from heylook_duckdb.config import DuckDbConfig, Format

F = TypeVar("F", bound=Callable[..., Any])

AGES = {"m": 60, "h": 3600, "d": 86_400}


def _database(command: F) -> F:
    option = click.option(
        "--db",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The database, if not as configured.",
    )
    return option(config_option(command))


@click.group()
def analytics() -> None:
    """Look at the records of requests: reports, exports and SQL, also while the server runs."""


def configured() -> DuckDbConfig:
    """As models.yaml and HEYLOOK_ANALYTICS_… have it, whether records are switched on or not. Raises ConfigError."""
    from heylook_core.cli.invocation import Invocation
    from heylook_core.sinks import ANALYTICS, wanted
    from heylook_duckdb.config import DuckDbConfig

    invocation = Invocation()
    variables = {**environment().analytics, "ENABLED": "true"}
    found = wanted(invocation.settings, variables, invocation.plugins)
    sink = next((sink for sink in found if sink.name == ANALYTICS), None)
    if sink is None:
        return DuckDbConfig()
    return invocation.configuration.file.convert(sink.config, DuckDbConfig, sink.where)


def _path(db: Path | None) -> Path:
    return (db or Path(configured().db_path)).expanduser()


@analytics.command()
@_database
def setup(db: Path | None) -> int:
    """Make the database, and say how to have requests recorded."""
    from heylook_duckdb.database import check, create

    path = _path(db)
    check(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    create(path)
    click.echo(f"{path} is ready. Requests are recorded when the server is started so:")
    click.echo("  HEYLOOK_ANALYTICS_ENABLED=true heylookllm")
    click.echo("or, for good, with this in models.yaml:")
    click.echo("  plugins:\n    sinks:\n      - name: duckdb\n        config: {storage_level: requests}")
    click.echo("Levels: none, basic, requests (no texts), full (texts, never images).")
    click.echo("Then look at them with: heylookllm analytics report")
    return 0


@analytics.command()
@_database
@click.option("--since", default="7d", show_default=True, metavar="AGE", help="How far back: 30m, 24h, 7d.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Rows of slow ones and errors."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def report(db: Path | None, since: str, limit: int, as_json: bool) -> int:
    """Overview, models, slow requests, errors and trends."""
    from heylook_duckdb import report as reports
    from heylook_duckdb.database import snapshot

    path = _path(db)
    with snapshot(path) as connection:
        sections = reports.sections(connection, seconds_of(since), limit)
    if as_json:
        click.echo(reports.as_json(sections))
    else:
        click.echo(f"{path}, the last {since}; averages are of requests that succeeded, times in seconds and UTC\n")
        reports.show(sections)
    return 0


def seconds_of(age: str) -> int:
    number, unit = age[:-1], age[-1:]
    if unit not in AGES or not number.isascii() or not number.isdigit() or not 0 < int(number) < 100_000:
        raise click.BadParameter(f"{age!r} is no age; write for example 30m, 24h or 7d.", param_hint="--since")
    return int(number) * AGES[unit]


@analytics.command()
@_database
@click.option(
    "--format",
    "formats",
    type=click.Choice(["csv", "json", "parquet"]),
    multiple=True,
    help="May be given several times.  [default: as in export_formats]",
)
@click.option(
    "--table", type=click.Choice(["request_logs", "model_switches", "performance_summary"]), default="request_logs"
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="A folder.  [default: that of the database]"
)
def export(db: Path | None, formats: tuple[Format, ...], table: str, out: Path | None) -> int:
    """Write a table to files, which are replaced if they exist."""
    from heylook_duckdb.export import export as write

    path = _path(db)
    for format_ in formats or configured().export_formats:
        file, count = write(path, table, format_, out or path.parent)
        click.echo(f"{file}: {count} rows")
    return 0


@analytics.command()
@click.argument("sql")
@_database
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def query(sql: str, db: Path | None, form: str) -> int:
    """Run one SELECT on a copy of the tables: request_logs, model_switches, performance_summary."""
    from heylook_duckdb.query import run, write

    write(run(_path(db), sql), form, sys.stdout)
    return 0
