"""`heylookllm conformance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import config_option

if TYPE_CHECKING:
    from heylook_core.testkit.conformance import Cell


@click.command()
@click.argument("providers", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def conformance(providers: tuple[str, ...], as_json: bool) -> int:
    """Try every feature of every API on the test models of PROVIDERS (default: all that are installed).

    Each one works, or is refused with a reason because the model lacks a capability; exit with 1 if one fails.
    """
    from heylook_core.testkit.conformance import matrix
    from heylook_core.testkit.models import installed_models

    plugins = Invocation().plugins
    cells = list(matrix(plugins, installed_models(providers, plugins)))
    if as_json:
        import json

        click.echo(json.dumps([cell._asdict() for cell in cells], indent=2))
    else:
        _print_table(cells)
    return 1 if any(cell.state == "fails" for cell in cells) else 0


STYLES = {"works": "green", "fails": "bold red"}


def _print_table(cells: list[Cell]) -> None:
    from heylook_core.cli.table import show

    rows = [(cell.provider, cell.dialect, cell.feature, cell.state, cell.reason) for cell in cells]
    show(("PROVIDER", "API", "FEATURE", "", "REASON"), rows, STYLES)
    counts = {state: sum(cell.state == state for cell in cells) for state in ("works", "refused", "fails")}
    click.echo(", ".join(f"{count} {state}" for state, count in counts.items()))
