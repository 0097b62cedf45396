"""Tables for people; JSON is printed by the commands themselves."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click


def show(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str] | None = None) -> None:
    """Print a table that fits the terminal, or aligned lines into a pipe. `styles` colours cells by their text."""
    if sys.stdout.isatty():
        _show_in_terminal(columns, rows, styles or {})
    else:
        _show_as_lines([columns, *rows] if any(columns) else rows)


def _show_in_terminal(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for row in rows:
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    Console().print(table)


def _show_as_lines(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
