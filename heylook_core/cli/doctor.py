"""`heylookllm doctor`."""

from __future__ import annotations

import click

from heylook_core.cli.invocation import Invocation
from heylook_core.cli.options import api_option, config_option


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@api_option
@config_option
def doctor(as_json: bool) -> int:
    """Say what is wrong with this installation and how to mend it; exit with 1 if something is."""
    from heylook_core.cli.checkup import examine

    findings = examine(Invocation())
    if as_json:
        import json

        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        from heylook_core.cli.table import show

        show(("", "", ""), [(found.state, found.subject, found.text) for found in findings], STYLES)
    return 1 if any(found.state == "error" for found in findings) else 0


STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}
