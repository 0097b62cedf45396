"""What `heylookllm models check` and `show` print."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import click
import msgspec

from heylook_core.catalog.card import ModelCard, card
from heylook_core.catalog.facts import FactReader, weight_files
from heylook_core.cli.invocation import Invocation
from heylook_core.cli.table import show
from heylook_core.errors import HeylookError, ModelNotFound
from heylook_core.memory import memory_budget
from heylook_core.quantities import size
from heylook_core.settings import ModelEntry


class Checked(NamedTuple):
    """A row of the check; `fault` is a sentence, empty if all is well."""

    card: ModelCard
    fits: bool | None
    fault: str


class Check(NamedTuple):
    """All rows, what else is wrong with the configuration, and what is worth telling."""

    rows: list[Checked]
    faults: list[str]
    warnings: list[str]
    budget: int
    where: str


def checked(invocation: Invocation) -> Check:
    """Raises ConfigError for a models.yaml that cannot be used at all."""
    entries = invocation.catalog.entries()
    budget = asyncio.run(memory_budget(invocation.settings, invocation.plugins))
    reader = FactReader()
    rows = []
    for entry in entries:
        found = card(entry, reader.facts(entry), invocation.plugins)
        fault = invocation.entry_fault(entry)
        fits = fits_into(found, budget)
        rows.append(Checked(found, fits, str(fault) if fault else _too_big(found, fits, budget)))
    warnings = [*invocation.configuration.warnings]
    warnings += [f"{row.card.entry.id}: {notice}" for row in rows for notice in row.card.notices]
    path = invocation.configuration.file.path
    where = f"{path} and plugins" if path else "plugins (there is no models.yaml)"
    faults = [*_lost_places(invocation), *(str(fault) for fault in [invocation.tier_fault()] if fault)]
    return Check(rows, faults, warnings, budget, where)


def fits_into(found: ModelCard, budget: int) -> bool | None:
    """Whether the model alone has room; None if it is not known what it takes."""
    return None if found.estimate is None else found.estimate.total <= budget


def _too_big(found: ModelCard, fits: bool | None, budget: int) -> str:
    if fits is not False or found.estimate is None:
        return ""
    needs = size(found.estimate.total)
    return f"It needs about {needs} of memory, and models may take {size(budget)} (memory_budget)."


def _lost_places(invocation: Invocation) -> list[str]:
    faults = []
    for index, place in enumerate(invocation.settings.scan):
        try:
            found = invocation.catalog.scanned(place)
        except HeylookError as error:
            faults.append(str(invocation.configuration.file.error(f"scan[{index}]", error.message)))
            continue
        if not found.models and place.folder is not None:
            why = "; ".join(one.reason for one in found.skipped[:1]) or "There is no model."
            faults.append(str(invocation.configuration.file.error(f"scan[{index}].folder", f"{place.folder}: {why}")))
    return faults


def print_checked(check: Check, as_json: bool) -> int:
    """The exit code: 1 if something is wrong."""
    faults = [f"{row.card.entry.id}: {row.fault}" for row in check.rows if row.fault] + check.faults
    if as_json:
        rows = [_row(row) for row in check.rows]
        click.echo(json.dumps({"models": rows, "faults": check.faults, "warnings": check.warnings}, indent=2))
        return 1 if faults else 0
    for warning in check.warnings:
        click.echo(f"warning: {warning}")
    if check.rows:
        cells = [_cells(row, check.budget) for row in check.rows]
        show(("ID", "FILES", "PROVIDER", "MEMORY", "CAPABILITIES"), cells)
    for fault in faults:
        click.echo(fault)
    count = f"{len(check.rows)} model{'' if len(check.rows) == 1 else 's'} of {check.where}"
    click.echo(f"{count}: {len(faults)} with a fault" if faults else f"{count}: no fault found")
    return 1 if faults else 0


def _cells(row: Checked, budget: int) -> tuple[str, ...]:
    found = row.card
    files = "missing" if found.missing else size(found.facts.bytes) if found.facts.bytes else "-"
    provider = found.entry.provider if found.installed else f"{found.entry.provider} (not installed)"
    memory = "unknown"
    if found.estimate is not None:
        memory = f"{'fits' if row.fits else 'too big'}: {size(found.estimate.total)} of {size(budget)}"
    return (found.entry.id, files, provider, memory, ", ".join(found.capabilities) or "known once loaded")


def _row(row: Checked) -> dict[str, Any]:
    found = row.card
    return {
        "id": found.entry.id,
        "found": not found.missing,
        "provider": found.entry.provider,
        "installed": found.installed,
        "bytes": found.facts.bytes,
        "estimate": msgspec.to_builtins(found.estimate),
        "fits": row.fits,
        "capabilities": list(found.capabilities),
        "fault": row.fault or None,
    }


# ------------------------------------------------------------------ one model


def shown(invocation: Invocation, name: str, as_json: bool) -> int:
    """Raises ModelNotFound."""
    entry, source = _entry(invocation, name)
    found = card(entry, FactReader().facts(entry), invocation.plugins)
    budget = asyncio.run(memory_budget(invocation.settings, invocation.plugins))
    fault = invocation.entry_fault(entry)
    facts = described(found, source, budget, str(fault) if fault else "")
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        show(("", ""), [(key, _text(key, value)) for key, value in facts.items() if value not in (None, "", [], {})])
    return 0


def _entry(invocation: Invocation, name: str) -> tuple[ModelEntry, str]:
    """Also one of models.yaml that is disabled."""
    catalog = invocation.catalog
    try:
        entry = catalog.get(name)
        return entry, catalog.source(entry.id)
    except ModelNotFound:
        for entry in invocation.settings.models:
            if name in (entry.id, *entry.aliases):
                return entry, "models.yaml"
        raise


def described(found: ModelCard, source: str, budget: int, fault: str) -> dict[str, Any]:
    """Facts by name, in the order to read them in."""
    entry, facts = found.entry, found.facts
    limits = [getattr(found.config, key, None) for key in ("n_ctx", "context", "longest")]
    estimate = msgspec.to_builtins(found.estimate)
    return {
        "id": entry.id,
        "from": source,
        "enabled": entry.enabled,
        "description": entry.description,
        "aliases": list(entry.aliases),
        "tags": list(entry.tags),
        "provider": entry.provider if found.installed else f"{entry.provider} (not installed)",
        "placement": entry.placement,
        "pin": entry.pin or None,
        "keep_alive": entry.keep_alive,
        "files": [str(file) for file in weight_files(entry)],
        "bytes": facts.bytes,
        "format": facts.format,
        "architecture": facts.architecture,
        "parameters": facts.parameters,
        "quantization": facts.quantization,
        "context": min((limit for limit in (*limits, facts.number("context_length")) if limit), default=0),
        "context of training": facts.number("context_length"),
        "chat template": facts.template is not None,
        "capabilities": list(found.capabilities),
        "memory": {**estimate, "total": found.estimate.total} if found.estimate is not None else None,
        "memory budget": budget,
        "fits": fits_into(found, budget),
        "config": entry.config,
        "notices": list(found.notices),
        "missing": list(found.missing),
        "fault": fault or found.fault,
    }


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(key, one)}" for name, one in value.items())
    return size(value) if key in ("bytes", "memory", "memory budget") else str(value)
