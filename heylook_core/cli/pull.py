"""`heylookllm pull`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import config_option

if TYPE_CHECKING:
    from heylook_core.catalog.pull import OnProgress, PullProgress


@click.command()
@click.argument("name", metavar="ORG/NAME[:FILE]")
@config_option
def pull(name: str) -> int:
    """Fetch a model from the hub, or go on with one that was begun.

    FILE is one of several GGUF files, by its name or by how it ends (Q4_K_M).
    """
    from heylook_core.catalog.pull import Puller
    from heylook_core.config import environment, models_folder

    invocation = Invocation()
    folder = models_folder(invocation.configuration)
    puller = Puller(folder, invocation.plugins, environment().hub)
    with _bar() as on_progress:
        entry = puller.pull(name, on_progress, threading.Event())
    click.echo(f"{entry.id} is at {entry.config.get('model_path', folder)}")
    click.echo(f"Serve it with: heylookllm --model-id {entry.id}")
    return 0


@contextmanager
def _bar() -> Iterator[OnProgress]:
    """On a terminal a bar over all files, on standard error; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def on_progress(progress: PullProgress) -> None:
            if progress.stage == "fetching":
                bar.update(task, description=progress.file, completed=progress.all_done, total=progress.all_total)

        yield on_progress
