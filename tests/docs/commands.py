"""The command line, taken apart."""

from __future__ import annotations

from collections.abc import Iterator

import click

from heylook_core.cli.root import commands as root


def every_command() -> Iterator[click.Context]:
    """`heylookllm` and all that is below it, but for what is hidden."""
    yield from _below(click.Context(root, info_name="heylookllm"))


def _below(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _below(click.Context(command, info_name=name, parent=context))
