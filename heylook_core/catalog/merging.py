"""Found models merged into a models.yaml that people have written: what stands there stays."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from heylook_core import yamlfile
from heylook_core.catalog.importing import Imported
from heylook_core.catalog.patching import patched
from heylook_core.catalog.shelf import free_names
from heylook_core.catalog.writing import plain
from heylook_core.errors import ConfigError
from heylook_core.paths import UnknownVariable, expanded, real
from heylook_core.settings import ModelEntry


class Merged(NamedTuple):
    """`text` is the whole file; `added` and `completed` are ids, `notes` say what was left as it is."""

    text: str
    added: tuple[str, ...]
    completed: tuple[str, ...]
    notes: tuple[str, ...]


Refuses: TypeAlias = Callable[[ModelEntry], str | None]


def merged(
    path: Path, imported: Sequence[Imported], variables: Mapping[str, str], refuses: Refuses = lambda entry: None
) -> Merged:
    """The file with what is new. An entry is the same model if it leads to the same file or has the id.

    Of an entry that is there, nothing is changed; keys that a profile or an override asks for are added where they
    are missing, unless `refuses` has a sentence against the entry with them.

    Raises ConfigError where the file is wrong, or cannot be written without changing more than that.
    """
    from heylook_core.catalog.roundtrip import RoundTrip

    data = _checked(path)
    before = text_of(path)
    changes = Changes(data, imported, path.parent, variables, refuses)
    text = before
    if changes.new or changes.missing:
        document = RoundTrip(before)
        unchanged = document.text()
        for index, keys in changes.missing:
            document.complete(index, keys)
        document.append(changes.new)
        text = document.text()
        wanted = changes.applied(data)
        fitted = patched(before, unchanged, text)
        if fitted is not None and _says(fitted, wanted):
            text = fitted
        if not _says(text, wanted) or not _comments(before) <= _comments(text):
            raise ConfigError(f"{path} cannot be merged into without changing more of it; name a new file by --output.")
    return Merged(text, tuple(changes.added), tuple(changes.completed), tuple(changes.notes))


def text_of(path: Path) -> str:
    """What is in the file, its line ends included."""
    return path.read_bytes().decode("utf-8")


def _says(text: str, wanted: Any) -> bool:
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False


def difference(path: Path, before: str, after: str) -> str:
    """A unified diff."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), n=2, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _checked(path: Path) -> dict[str, Any]:
    """What the file says, which must be a models.yaml. Raises ConfigError."""
    from heylook_core.config import load_settings

    load_settings(path)
    data = yamlfile.read(path).data
    return data if isinstance(data, dict) else {}


def _comments(text: str) -> set[str]:
    return {line.partition("#")[2].strip() for line in text.splitlines() if "#" in line}


class Changes:
    """What is to be done to the list of models: `new` entries, and `missing` keys of `config` by index of the entry."""

    def __init__(
        self,
        data: dict[str, Any],
        imported: Sequence[Imported],
        base: Path,
        variables: Mapping[str, str],
        refuses: Refuses,
    ) -> None:
        self.added: list[str] = []
        self.completed: list[str] = []
        self.notes: list[str] = []
        self.new: list[dict[str, Any]] = []
        self.missing: list[tuple[int, dict[str, Any]]] = []
        self._base, self._variables, self._refuses = base, variables, refuses
        self._existing: list[dict[str, Any]] = data.get("models") or []
        self._names = {name for entry in self._existing for name in (entry["id"], *(entry.get("aliases") or ()))}
        self._ids = {entry["id"]: index for index, entry in enumerate(self._existing)}
        self._files: dict[Path, list[int]] = {}
        for index, entry in enumerate(self._existing):
            if file := self._file(entry):
                self._files.setdefault(file, []).append(index)
        self._note_lost(imported)
        for one, entry_index in self._pairs(imported):
            if entry_index is not None:
                self._complete(entry_index, one)
            else:
                self._add(one, self._file(plain(one.entry)))

    def applied(self, data: dict[str, Any]) -> dict[str, Any]:
        """What the file is to say."""
        models = [dict(entry) for entry in self._existing]
        for index, keys in self.missing:
            models[index]["config"] = {**(models[index].get("config") or {}), **keys}
        return {**data, "models": [*models, *self.new]}

    def _pairs(self, imported: Sequence[Imported]) -> list[tuple[Imported, int | None]]:
        """Each found model with the entry that it is: one of its file, by its name if several have that."""
        found: dict[int, int] = {}
        for by_name in (True, False):
            for number, one in enumerate(imported):
                candidates = self._files.get(self._file(plain(one.entry)) or Path(), [])
                free = [index for index in candidates if index not in found.values()]
                if by_name:
                    free = [index for index in free if self._existing[index]["id"] == one.entry.id]
                    free = free or self._without_file(one.entry.id)
                if number not in found and free:
                    found[number] = free[0]
        return [(one, found.get(number)) for number, one in enumerate(imported)]

    def _without_file(self, name: str) -> list[int]:
        """The entry of this name, if it leads to no file: a model of its name may be what it means."""
        index = self._ids.get(name)
        if index is None:
            return []
        file = self._file(self._existing[index])
        return [index] if file is None or not file.exists() else []

    def _add(self, one: Imported, file: Path | None) -> None:
        entry = plain(one.entry)
        entry["id"] = next(name for name in free_names(one.entry.id, file) if name not in self._names)
        if aliases := [name for name in one.entry.aliases if name not in self._names]:
            entry["aliases"] = aliases
        else:
            entry.pop("aliases", None)
        self._names.update((entry["id"], *aliases))
        self.new.append(entry)
        self.added.append(entry["id"])

    def _complete(self, index: int, one: Imported) -> None:
        entry, given = self._existing[index], plain(one.entry).get("config", {})
        if entry["provider"] != one.entry.provider:
            return
        config = entry.get("config") or {}
        missing = {key: given[key] for key in one.asked if key not in config}
        kept = [f"{key}: {config[key]}" for key in one.asked if key in config and config[key] != given[key]]
        whole = ModelEntry(id=entry["id"], provider=entry["provider"], config={**config, **missing})
        if missing and (why := self._refuses(whole)):
            self.notes.append(f"{entry['id']} stays as it is: {why}")
        elif missing:
            self.missing.append((index, missing))
            self.completed.append(entry["id"])
        if kept:
            self.notes.append(f"{entry['id']} keeps {', '.join(kept)}, as the file says.")

    def _note_lost(self, imported: Sequence[Imported]) -> None:
        elsewhere = {one.entry.id: one.entry.config.get("model_path") for one in imported}
        for file, indices in self._files.items():
            for name in (self._existing[index]["id"] for index in indices if not file.exists()):
                found = f"; {elsewhere[name]} has its name" if name in elsewhere else ""
                self.notes.append(f"{name}: {file} is not there any more{found}.")

    def _file(self, entry: dict[str, Any]) -> Path | None:
        named = (entry.get("config") or {}).get("model_path")
        if not isinstance(named, str):
            return None
        try:
            path = Path(expanded(named, self._base, self._variables))
        except UnknownVariable:
            return None
        return real(path) if path.is_absolute() else None
