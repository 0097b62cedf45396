"""`heylookllm routes`."""

from __future__ import annotations

from typing import Any, NamedTuple

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
    from heylook_core.web.app import CORE, plugin_pages
    from heylook_core.web.docs import DescriptionPages

    chosen = dialect_classes(invocation.settings.server.api, invocation.plugins)
    rows: dict[tuple[str, str], RouteRow] = {}
    served: list[type[Any]] = [*chosen, *CORE, *plugin_pages(invocation.plugins), DescriptionPages]
    for dialect in served:
        for _, found in dialect.handlers():
            rows.setdefault((found.path, found.method), RouteRow(found.method, found.path, dialect.name, found.summary))
        for _, socket in dialect.socket_handlers():
            rows.setdefault((socket.path, "WS"), RouteRow("WS", socket.path, dialect.name, socket.summary))
    return [rows[key] for key in sorted(rows)]
