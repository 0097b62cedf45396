"""Hooks of the plugin: the command `analytics`, and what doctor says. Light: loaded at every start."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def add_commands(commands: click.Group) -> None:
    from heylook_duckdb.commands import analytics

    commands.add_command(analytics)


@hookimpl
def diagnose() -> list[tuple[str, str, str]]:
    if importlib.util.find_spec("duckdb") is None:
        return [("analytics", "error", "duckdb is not installed: install it with: pip install duckdb")]
    return [("analytics", "ok", "Records can be kept in DuckDB; `heylookllm analytics setup` says how.")]
