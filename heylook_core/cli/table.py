"""Tables for people; JSON is printed by the commands themselves."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Column

# Numbers and moments: half of one would be another one.
WHOLE = re.compile(r"[\d.,:+\- ]+")


def show(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str] | None = None) -> None:
    """Print a table that fits the terminal, or aligned lines into a pipe. `styles` colours cells by their text.

    Where the terminal is too narrow texts are cut, and numbers are not.
    """
    if sys.stdout.isatty():
        _show_in_terminal(columns, rows, styles or {})
    else:
        _show_as_lines([columns, *rows] if any(columns) else rows)


def _show_in_terminal(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heads = [_column(name, [row[at] for row in rows]) for at, name in enumerate(columns)]
    table = Table(*heads, box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for row in rows:
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    Console().print(table)


def _column(name: str, cells: Sequence[str]) -> Column:
    from rich.table import Column

    whole = any(cells) and all(WHOLE.fullmatch(cell) for cell in cells if cell)
    return Column(name, justify="right" if whole else "left", no_wrap=whole, vertical="bottom")


def _show_as_lines(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
