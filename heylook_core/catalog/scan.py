"""Models where they lie: candidates asked about once, and again only when their files have changed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from heylook_core.catalog.asking import recognise
from heylook_core.catalog.candidates import Candidate, Program, in_folder, in_program
from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.catalog.shelf import free_names
from heylook_core.config import Environment
from heylook_core.paths import real
from heylook_core.plugins import Plugins


class Skipped(NamedTuple):
    """A file or folder that is no model to serve, and why, in a sentence."""

    path: Path
    reason: str


class Found(NamedTuple):
    """Models in order of their paths, each with an id of its own, and what was skipped."""

    models: tuple[Recognised, ...]
    skipped: tuple[Skipped, ...]


def together(parts: Sequence[Found]) -> Found:
    """The models of several places: each file and each name once, whoever comes first."""
    models: list[Recognised] = []
    taken: set[str] = set()
    before: set[Path] = set()
    for part in parts:
        new = [model for model in part.models if real(_path_of(model)) not in before]
        before.update(real(_path_of(model)) for model in new)
        for model in new:
            name = next(name for name in free_names(model.entry.id, _path_of(model)) if name not in taken)
            taken.update((name, *model.entry.aliases))
            models.append(msgspec.structs.replace(model, entry=msgspec.structs.replace(model.entry, id=name)))
    return Found(tuple(models), tuple(one for part in parts for one in part.skipped))


def _path_of(model: Recognised) -> Path:
    return Path(str(model.entry.config.get("model_path", model.entry.id)))


class Scanner:
    """Remembers what files are, by path, size and time. Any thread; blocks."""

    def __init__(self, plugins: Plugins, environment: Environment) -> None:
        self._plugins = plugins
        self._environment = environment
        self._lock = threading.Lock()
        self._known: dict[tuple[Path, tuple[Path, ...]], tuple[Any, Recognised | Unservable | None]] = {}

    def folder(self, root: Path) -> Found:
        """The models below a folder, called after their files and folders."""
        skipped: list[Skipped] = []
        if not root.is_dir():
            return Found((), (Skipped(root, "There is no such folder."),))
        return self._sorted_out(in_folder(root, _note(skipped)), skipped)

    def program(self, program: Program) -> Found:
        """The models of another program, by its names. Raises ConfigError where it is not to be found."""
        skipped: list[Skipped] = []
        return self._sorted_out(in_program(program, self._environment, _note(skipped)), skipped)

    def _sorted_out(self, candidates: Iterable[Candidate], skipped: list[Skipped]) -> Found:
        found: list[tuple[Candidate, Recognised]] = []
        for candidate in candidates:
            answer = self._answer(candidate)
            if isinstance(answer, Recognised):
                found.append((candidate, answer))
            elif isinstance(answer, Unservable):
                skipped.append(Skipped(candidate.path, answer.reason))
        if skipped:
            used = {real(file) for candidate, model in found for file in model.files if file != candidate.path}
            skipped = [one for one in skipped if real(one.path) not in used]
        return Found(tuple(_named(_once(found, skipped))), tuple(skipped))

    def _answer(self, candidate: Candidate) -> Recognised | Unservable | None:
        if candidate.fault:
            return Unservable(candidate.fault)
        key = (candidate.path, candidate.companions)
        state = candidate.state if candidate.state is not None else _state(candidate)
        with self._lock:
            known = self._known.get(key)
        if known is None or known[0] != state:
            known = (state, recognise(candidate.path, self._plugins, candidate.companions))
            with self._lock:
                self._known[key] = known
        return known[1]


def _note(skipped: list[Skipped]) -> Any:
    return lambda path, reason: skipped.append(Skipped(path, reason))


def _state(candidate: Candidate) -> Any:
    try:
        stats = [path.stat() for path in (candidate.path, *candidate.companions)]
    except OSError:
        return None
    return [(stat.st_size, stat.st_mtime_ns) for stat in stats]


def _once(found: list[tuple[Candidate, Recognised]], skipped: list[Skipped]) -> list[tuple[Candidate, Recognised]]:
    """Each file once, whatever links lead to it; a further name that another program has for it is an alias."""
    kept: dict[Any, tuple[Candidate, Recognised]] = {}
    for candidate, model in sorted(found, key=lambda one: one[0].path.is_symlink()):
        file = real(candidate.path)
        key = (file, candidate.companions, repr(candidate.config)) if candidate.name else file
        if key not in kept:
            kept[key] = (candidate, model)
        elif candidate.name:
            first, before = kept[key]
            entry = msgspec.structs.replace(before.entry, aliases=(*before.entry.aliases, candidate.name))
            notes = (*before.notes, *(f"as {candidate.name}: {note}" for note in candidate.notes))
            kept[key] = (first, msgspec.structs.replace(before, entry=entry, notes=notes))
        else:
            skipped.append(Skipped(candidate.path, f"It is the same as {kept[key][0].path}."))
    order = {id(candidate): number for number, (candidate, _) in enumerate(found)}
    return sorted(kept.values(), key=lambda one: order[id(one[0])])


def _named(found: list[tuple[Candidate, Recognised]]) -> Iterator[Recognised]:
    """The models with their ids and with what another program says of them."""
    together = Counter(candidate.group for candidate, _ in found)
    taken: set[str] = set()
    for candidate, model in found:
        wanted = _wanted(candidate, model, together[candidate.group] == 1)
        name = next(name for name in free_names(wanted, candidate.path) if name not in taken)
        taken.update((name, *model.entry.aliases))
        config = {**model.entry.config, **_known_keys(candidate, model)}
        entry = msgspec.structs.replace(model.entry, id=name, config=config)
        yield msgspec.structs.replace(model, entry=entry, notes=(*model.notes, *candidate.notes))


def _wanted(candidate: Candidate, model: Recognised, alone: bool) -> str:
    if candidate.name:
        return candidate.name
    if not candidate.group:
        return model.entry.id
    return candidate.group if alone or candidate.path.is_dir() else f"{candidate.group}:{model.entry.id}"


def _known_keys(candidate: Candidate, model: Recognised) -> dict[str, Any]:
    """What another program says; its context never goes beyond what the model was trained for."""
    config = dict(candidate.config)
    if isinstance(config.get("n_ctx"), int) and model.context:
        config["n_ctx"] = min(config["n_ctx"], model.context)
    return config
