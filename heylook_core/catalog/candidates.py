"""What may be a model, in each of the places that models come from, and the name that it would get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from heylook_core.catalog import ollama, places
from heylook_core.catalog.walk import Folder, OnError, folders
from heylook_core.config import Environment

Program: TypeAlias = Literal["hf-cache", "lm-studio", "ollama"]


class Candidate(NamedTuple):
    """A file or folder to ask the plugins about.

    `state` changes with the files around it. `name` is what it is called for certain; without it `group` is what
    everything that lies together is called, and without that it is called after its file. `config` has what another
    program says of it, `notes` what is left out of that. `fault` says why it need not be looked at.
    """

    path: Path
    state: Any = None
    name: str = ""
    group: str = ""
    companions: tuple[Path, ...] = ()
    config: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    fault: str = ""


def in_folder(root: Path, on_error: OnError) -> Iterator[Candidate]:
    """`root` itself and everything below it."""
    for folder in folders(root, on_error):
        yield from _of_folder(folder)


def in_program(program: Program, environment: Environment, on_error: OnError) -> Iterator[Candidate]:
    """What another program keeps. Raises ConfigError where it keeps nothing here."""
    if program == "hf-cache":
        for cache in places.hf_caches(environment):
            yield from in_hf_cache(cache, on_error)
    elif program == "lm-studio":
        for models in places.lm_studio_folders(environment):
            yield from in_lm_studio(models, on_error)
    else:
        for store in places.ollama_folders(environment):
            yield from in_ollama(store)


def in_hf_cache(cache: Path, on_error: OnError) -> Iterator[Candidate]:
    """The newest revision of each repository (`refs/main` names it), by the repository's name."""
    for repository in sorted(cache.glob("models--*")):
        snapshot = _snapshot(repository)
        if snapshot is None:
            on_error(repository, "It has no snapshot: nothing of it was fetched, or its files were removed.")
            continue
        group = repository.name.removeprefix("models--").replace("--", "/")
        for folder in folders(snapshot, on_error):
            yield from _of_folder(folder, group)


def _snapshot(repository: Path) -> Path | None:
    try:
        revision = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
        if revision and "/" not in revision and (repository / "snapshots" / revision).is_dir():
            return repository / "snapshots" / revision
    except (OSError, ValueError):
        pass
    found = [path for path in (repository / "snapshots").glob("*") if path.is_dir()]
    return max(found, key=lambda path: (path.stat().st_mtime, path.name), default=None)


def in_lm_studio(models: Path, on_error: OnError) -> Iterator[Candidate]:
    """`models/publisher/model/…`, by publisher and model."""
    for folder in folders(models, on_error):
        parts = folder.path.relative_to(models).parts
        yield from _of_folder(folder, "/".join(parts[:2]) if len(parts) >= 2 else "")


def in_ollama(store: Path) -> Iterator[Candidate]:
    """By Ollama's own names; the blobs stay where they are."""
    for model in ollama.models(store):
        yield Candidate(
            path=model.path or model.manifest,
            name=model.name,
            companions=model.companions,
            config=model.config,
            notes=model.notes,
            fault=model.fault,
        )


def _of_folder(folder: Folder, group: str = "") -> Iterator[Candidate]:
    """The folder itself and each of its files."""
    yield Candidate(folder.path, folder.state, group=group)
    for file in folder.files:
        yield Candidate(file, folder.state, group=group)
