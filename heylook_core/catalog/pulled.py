"""The folder of pulled models: one folder for each repository, with a record of what was pulled from it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec

from heylook_core.catalog.asking import recognise
from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry

log = logging.getLogger(__name__)

RECORD = ".heylook.json"


class PulledModel(msgspec.Struct, frozen=True):
    """`path` is below the repository's folder, empty for the folder itself; `aliases` are names it was asked for by."""

    id: str
    path: str
    aliases: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True):
    """What was pulled from a repository; `files` are the checksums of those that arrived whole."""

    repository: str
    revision: str = ""
    models: tuple[PulledModel, ...] = ()
    files: dict[str, str] = {}


def read_record(folder: Path, repository: str = "") -> Record:
    """An empty record where there is none, or a damaged one."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Record)
    except FileNotFoundError:
        pass
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s cannot be read (%s); pull the model again to mend it.", folder / RECORD, error)
    return Record(repository)


def write_record(folder: Path, record: Record) -> None:
    """In one step: a record is never half written."""
    temporary = folder / f"{RECORD}.new"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    temporary.replace(folder / RECORD)


def with_model(record: Record, model: PulledModel, revision: str) -> Record:
    """The record with this model, which keeps the aliases it had."""
    before = next((other.aliases for other in record.models if other.id == model.id), ())
    aliases = tuple(dict.fromkeys((*before, *model.aliases)))
    others = tuple(other for other in record.models if other.id != model.id)
    kept = msgspec.structs.replace(model, aliases=aliases)
    return msgspec.structs.replace(record, revision=revision, models=(*others, kept))


def recognised(folder: Path, model: PulledModel, plugins: Plugins) -> ModelEntry | None:
    """The entry that the plugins make of the model's files under the name that it was pulled by; None if none does."""
    found = recognise(folder / model.path if model.path else folder, plugins)
    if not isinstance(found, Recognised):
        return None
    return msgspec.structs.replace(found.entry, id=model.id, aliases=model.aliases)


def refusal(folder: Path, model: PulledModel, plugins: Plugins) -> str | None:
    """Why the model's files cannot be served, if a plugin knows them."""
    found = recognise(folder / model.path if model.path else folder, plugins)
    return found.reason if isinstance(found, Unservable) else None


def pulled_models(models: Path, plugins: Plugins) -> Iterator[ModelEntry]:
    """The entries of everything that was pulled into this folder, by name; what nothing recognises is left out."""
    for path in sorted(models.glob(f"*/{RECORD}")):
        for model in read_record(path.parent).models:
            entry = recognised(path.parent, model, plugins)
            if entry is not None:
                yield entry
            else:
                why = refusal(path.parent, model, plugins) or "no plugin recognises it"
                log.info("pulled model %s is left out: %s", model.id, why)
