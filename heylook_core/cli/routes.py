"""`heylookllm routes`."""

from __future__ import annotations

from typing import NamedTuple

import click

from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import api_option, config_option


class RouteRow(NamedTuple):
    method: str
    path: str
    dialect: str
    summary: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@api_option
@config_option
def routes(as_json: bool) -> int:
    """List the routes that would be served."""
    rows = _rows(Invocation())
    if as_json:
        import json

        click.echo(json.dumps([row._asdict() for row in rows], indent=2))
    else:
        from heylook_core.cli.table import show

        show(("METHOD", "PATH", "DIALECT", "SUMMARY"), rows)
    return 0


def _rows(invocation: Invocation) -> list[RouteRow]:
    from heylook_core.cli.dialects import dialect_classes
    from heylook_core.web import health

    rows = [RouteRow("GET", health.PATH, "core", "Whether the server can answer, and the state of its models")]
    for dialect in dialect_classes(invocation.settings.server.api, invocation.plugins):
        operations = (marked for _, marked in dialect.handlers())
        rows += [RouteRow(found.method, found.path, dialect.name, found.summary) for found in operations]
    return sorted(rows, key=lambda row: (row.path, row.method))
