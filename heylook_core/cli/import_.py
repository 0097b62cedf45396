"""`heylookllm import`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import LEVELS, config_option, flags, logging_at
from heylook_core.errors import ConfigError, HeylookError

if TYPE_CHECKING:
    from heylook_core.catalog.candidates import Program
    from heylook_core.catalog.importing import Imported
    from heylook_core.catalog.merging import Merged
    from heylook_core.catalog.scan import Found, Skipped
    from heylook_core.settings import ModelEntry

PROFILES = ("fast", "balanced", "quality", "memory", "interactive")
OUTPUT = "models_imported.yaml"


@click.command("import")
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Models in this folder and below.")
@click.option("--hf-cache", is_flag=True, help="Models that Hugging Face keeps.")
@click.option("--lm-studio", is_flag=True, help="Models that LM Studio keeps.")
@click.option("--ollama", is_flag=True, help="Models that Ollama keeps.")
@click.option("--profile", type=click.Choice(PROFILES), help="Settings for a purpose, besides what the files ask for.")
@click.option("--override", "given", multiple=True, metavar="KEY=VALUE", help="Set a key of `config` in every entry.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help=f"Where to write.  [{OUTPUT}]")
@click.option("--merge", is_flag=True, help="Add to FILE (without --output the models.yaml in use); show a diff first.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option("--log-level", type=LEVELS, help="What is told besides; also before the command.")
@config_option
@click.pass_context
def import_(
    context: click.Context,
    folder: Path | None,
    hf_cache: bool,
    lm_studio: bool,
    ollama: bool,
    profile: str | None,
    given: tuple[str, ...],
    output: Path | None,
    merge: bool,
    dry_run: bool,
    log_level: str | None,
) -> int:
    """Find models where they lie and write entries of models.yaml for them. Nothing is copied."""
    asked = {"hf-cache": hf_cache, "lm-studio": lm_studio, "ollama": ollama}
    programs = [program for program, wanted in asked.items() if wanted]
    if folder is None and not programs:
        raise click.UsageError("Say where to look: --folder DIR, --hf-cache, --lm-studio or --ollama.")
    if log_level is not None and "log_level" not in flags(context):
        context.with_resource(logging_at(log_level))
    from heylook_core.catalog.importing import imported

    overrides = overrides_of(given)
    invocation = Invocation()
    target = _target(output, merge, dry_run, invocation)
    found = _found(folder, programs, invocation)
    entries, refused = imported(found.models, invocation.plugins, profile, overrides)
    skipped = [*found.skipped, *refused]
    _report_skipped(skipped)
    for one in entries:
        for note in one.notes:
            click.echo(f"note: {one.entry.id}: {note}", err=True)
    if not entries:
        raise ConfigError(_nothing(bool(skipped), invocation))
    if merge and target.exists():
        return _merge(target, entries, dry_run, invocation)
    return _write(target, entries, dry_run)


def _nothing(skipped: bool, invocation: Invocation) -> str:
    from heylook_core.plugins import PROVIDERS

    backends = [row.name for row in invocation.plugins.rows() if row.group == PROVIDERS and row.dist != "heylook"]
    asked = f"installed backends: {', '.join(backends) or 'none'}"
    return f"No model was found{' that can be served' if skipped else ''}; nothing is written ({asked})."


def overrides_of(given: Sequence[str]) -> dict[str, Any]:
    """`key=value` each, with values as YAML reads them. Raises UsageError."""
    import yaml

    found: dict[str, Any] = {}
    for one in given:
        key, equals, text = one.partition("=")
        if not key or not equals:
            raise click.UsageError(f"--override takes KEY=VALUE, but got '{one}'.")
        try:
            found[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise click.UsageError(f"The value of --override {one} is not valid YAML.") from None
    return found


def _target(output: Path | None, merge: bool, dry_run: bool, invocation: Invocation) -> Path:
    """Where to write. Raises ConfigError where that would overwrite something."""
    if merge:
        return output or invocation.configuration.file.path or Path("models.yaml")
    path = output or Path(OUTPUT)
    if path.exists() and not dry_run:
        raise ConfigError(f"{path} exists; add to it with --merge, or name another file by --output.")
    return path


def _found(folder: Path | None, programs: Sequence[str], invocation: Invocation) -> Found:
    from heylook_core.catalog.scan import Scanner, together
    from heylook_core.config import environment

    scanner = Scanner(invocation.plugins, environment())
    if folder is not None and not folder.expanduser().is_dir():
        raise ConfigError(f"--folder names {folder}, which is not a folder.")
    parts = [scanner.folder(folder.expanduser().absolute())] if folder is not None else []
    parts += [scanner.program(cast("Program", program)) for program in programs]
    return together(parts)


def _report_skipped(skipped: Sequence[Skipped]) -> None:
    for path, reason in skipped:
        click.echo(f"skipped: {path}: {reason}", err=True)


def _write(target: Path, entries: Sequence[Imported], dry_run: bool) -> int:
    from heylook_core.catalog.writing import as_yaml, write

    header = "Made by `heylookllm import`; serve it with: heylookllm --config FILE\nKeys: docs/reference/config.md"
    text = as_yaml([one.entry for one in entries], header.replace("FILE", str(target)))
    if dry_run:
        click.echo(text, nl=False)
        return 0
    write(target, text)
    click.echo(f"{_models(len(entries))} written to {target}; serve with: heylookllm --config {target}")
    return 0


def _merge(target: Path, entries: Sequence[Imported], dry_run: bool, invocation: Invocation) -> int:
    from heylook_core.catalog.merging import difference, merged, text_of
    from heylook_core.catalog.writing import write
    from heylook_core.config import check_entry, variables

    before = text_of(target)

    def refuses(entry: ModelEntry) -> str | None:
        try:
            check_entry(entry, invocation.plugins)
        except HeylookError as error:
            return error.message
        return None

    result = merged(target, entries, variables(), refuses)
    for note in result.notes:
        click.echo(f"note: {note}", err=True)
    if result.text == before:
        click.echo(f"{target} has all of them already; nothing is written.")
        return 0
    click.echo(difference(target, before, result.text), nl=False)
    if dry_run or (sys.stdin.isatty() and not click.confirm(f"Write this to {target}?", default=True)):
        click.echo("Nothing is written.")
        return 0
    write(target, result.text)
    click.echo(_summary(result, target))
    return 0


def _summary(result: Merged, target: Path) -> str:
    parts = [f"{_models(len(result.added))} added" if result.added else ""]
    parts += [f"{_models(len(result.completed))} completed" if result.completed else ""]
    return f"{' and '.join(filter(None, parts))} in {target}"


def _models(count: int) -> str:
    return f"{count} model{'' if count == 1 else 's'}"
