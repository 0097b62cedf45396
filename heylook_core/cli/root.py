"""`heylookllm`: its commands, those that plugins add, and the one place where errors become sentences."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import click

from heylook_core import __version__
from heylook_core.cli.conformance import conformance
from heylook_core.cli.doctor import doctor
from heylook_core.cli.import_ import import_
from heylook_core.cli.invocation import Invocation, plugins_for_help
from heylook_core.cli.models import models
from heylook_core.cli.options import COMMON, flags, logging_at, serving_options
from heylook_core.cli.plugins import plugins
from heylook_core.cli.pull import pull
from heylook_core.cli.routes import routes
from heylook_core.cli.serve import serve, start
from heylook_core.errors import HeylookError

_ADDED = "heylook.added_commands"


class Commands(click.Group):
    """The commands of the core, and those of plugins, which cannot replace them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *sorted(self._added(ctx).keys() - self.commands.keys())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.commands.get(cmd_name) or self._added(ctx).get(cmd_name)

    def _added(self, context: click.Context) -> dict[str, click.Command]:
        if _ADDED not in context.meta:
            group = click.Group("added")
            plugins_for_help(flags(context).get("config")).notify("add_commands", commands=group)
            context.meta[_ADDED] = group.commands
        added: dict[str, click.Command] = context.meta[_ADDED]
        return added


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@serving_options
@click.version_option(__version__, prog_name="heylook", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> int:
    """Serve local models to OpenAI and Ollama clients.

    Without a command this is `serve`, which takes the same options.
    """
    if context.invoked_subcommand is None:
        return start(Invocation(context))
    if context.invoked_subcommand != "serve":
        _refuse_serving_options(context)
        _show_log(context)
    return 0


def _refuse_serving_options(context: click.Context) -> None:
    if useless := sorted(flags(context).keys() - set(COMMON)):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
        raise click.UsageError(f"{names} is for serving and has no effect on '{context.invoked_subcommand}'.")


def _show_log(context: click.Context) -> None:
    if level := flags(context).get("log_level"):
        context.with_resource(logging_at(level))


for command in (serve, models, import_, pull, plugins, routes, doctor, conformance):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `heylookllm`; the exit code: 0, 1 where a check found something, 2 for an error, 130 after Ctrl-C.

    Every error is one sentence on stderr; `--log-level DEBUG` adds its traceback.
    """
    silence = logging.NullHandler()  # without any handler Python would print warnings between the rows of a table
    logging.getLogger().addHandler(silence)
    given = list(sys.argv[1:] if arguments is None else arguments)
    context: click.Context | None = None
    try:
        with commands.make_context("heylookllm", given) as context:
            return int(commands.invoke(context) or 0)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return 1
    except HeylookError as error:
        return _tell(error.message, context)
    except Exception as error:
        return _tell(f"heylook itself failed: {type(error).__name__}: {error}", context)
    finally:
        logging.getLogger().removeHandler(silence)


def _tell(message: str, context: click.Context | None) -> int:
    """Called while the error is handled, for the sake of its traceback."""
    if context is not None and flags(context).get("log_level") == "DEBUG":
        import traceback

        click.echo(traceback.format_exc(), err=True, nl=False)
    click.echo(f"Error: {message}", err=True)
    return 2
