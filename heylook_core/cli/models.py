"""`heylookllm models`."""

from __future__ import annotations

from typing import Any

import click

from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import config_option


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> int:
    """List the models, show one, or check all."""
    return _list(Invocation(), as_json) if context.invoked_subcommand is None else 0


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def list_(as_json: bool) -> int:
    """List the models that can be asked for."""
    return _list(Invocation(), as_json)


@models.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def check(as_json: bool) -> int:
    """Check models.yaml and every model, loading none; exit with 1 if something is wrong.

    Says whether the files are there, whether the provider is installed, whether the model fits into memory, and what
    it can be expected to do.
    """
    from heylook_core.cli.cards import checked, print_checked

    return print_checked(checked(Invocation()), as_json)


@models.command()
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def show(name: str, as_json: bool) -> int:
    """Show everything that is known of a model without loading it."""
    from heylook_core.cli.cards import shown

    return shown(Invocation(), name, as_json)


def _list(invocation: Invocation, as_json: bool) -> int:
    catalog = invocation.catalog
    rows: list[dict[str, Any]] = [
        {
            "id": entry.id,
            "provider": entry.provider,
            "default": entry.id == catalog.default,
            "aliases": list(entry.aliases),
            "tags": list(entry.tags),
            "source": catalog.source(entry.id),
            "description": entry.description,
        }
        for entry in catalog.entries()
    ]
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
    elif rows:
        _print_table(rows)
    else:
        click.echo("There are no models. List some in models.yaml; `heylookllm doctor` says what else is missing.")
    return 0


def _print_table(rows: list[dict[str, Any]]) -> None:
    from heylook_core.cli.table import show

    cells = [
        (
            f"{row['id']} (default)" if row["default"] else row["id"],
            row["provider"],
            ", ".join(row["aliases"]),
            row["source"],
            row["description"] or "",
        )
        for row in rows
    ]
    show(("ID", "PROVIDER", "ALIASES", "FROM", "DESCRIPTION"), cells)
