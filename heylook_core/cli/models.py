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
    """List the models, or check their entries."""
    return _list(Invocation(), as_json) if context.invoked_subcommand is None else 0


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def list_(as_json: bool) -> int:
    """List the models that can be asked for."""
    return _list(Invocation(), as_json)


@models.command()
@config_option
def check() -> int:
    """Check models.yaml, each model's own config and its files; exit with 1 if something is wrong."""
    invocation = Invocation()
    for warning in invocation.configuration.warnings:
        click.echo(f"warning: {warning}")
    entries = invocation.catalog.entries()
    faults = [(entry.id, fault) for entry in entries if (fault := invocation.entry_fault(entry))]
    for model_id, fault in faults:
        click.echo(f"{model_id}: {fault}")
    count = f"{len(entries)} model{'' if len(entries) == 1 else 's'} of {_where(invocation)}"
    click.echo(f"{count}: {len(faults)} with a fault" if faults else f"{count}: no fault found")
    return 1 if faults else 0


def _where(invocation: Invocation) -> str:
    path = invocation.configuration.file.path
    return f"{path} and plugins" if path else "plugins (there is no models.yaml)"


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
