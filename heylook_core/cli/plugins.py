"""`heylookllm plugins`."""

from __future__ import annotations

import click

from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import config_option
from heylook_core.plugins import PluginRow


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check", is_flag=True, help="Import every plugin; exit with 1 if one has a fault.")
@config_option
def plugins(as_json: bool, check: bool) -> int:
    """List installed plugins, and what is wrong with them."""
    registry = Invocation().plugins
    if check:
        registry.load_all()
    rows, unusable = registry.rows(), registry.unusable()
    if as_json:
        _print_json(rows, unusable)
    elif rows:
        _print_table(rows, unusable)
    else:
        click.echo("No plugins are installed. Install heylook itself: pip install heylook")
    return 1 if check and any(row.error and row.state != "shadowed" for row in rows) else 0


def _print_json(rows: list[PluginRow], unusable: dict[str, str]) -> None:
    import json

    click.echo(json.dumps([{**row._asdict(), "unusable": unusable.get(row.dist, "")} for row in rows], indent=2))


def _print_table(rows: list[PluginRow], unusable: dict[str, str]) -> None:
    from heylook_core.cli.table import show

    cells = [
        (
            row.group.removeprefix("heylook."),
            row.name,
            f"{row.dist} {row.version}".strip(),
            row.state,
            _note(row, unusable),
        )
        for row in rows
    ]
    show(("GROUP", "NAME", "FROM", "STATE", "NOTE"), cells, {"failed": "red", "loaded": "green", "shadowed": "yellow"})


def _note(row: PluginRow, unusable: dict[str, str]) -> str:
    return row.error or unusable.get(row.dist, "")
