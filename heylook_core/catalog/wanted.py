"""What a pull asks for: the name `ORG/NAME[:file]`, and which files of the repository that means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from heylook_core.catalog.hub import RemoteFile, Repository
from heylook_core.errors import InvalidRequest, PullFailed

HOSTS = ("hf.co/", "huggingface.co/")  # Ollama's clients put them before the name
NAME = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(:(?P<part>[^:]+))?")
PART = re.compile(r"-\d{5}-of-\d{5}$")
SIDECARS = ("mmproj", "mtp-", "imatrix")
OF_FOLDER = (".json", ".safetensors", ".jinja", ".model", ".tiktoken", ".txt")


class Wanted(NamedTuple):
    """`asked` is the name as it was written, `part` what followed the colon, empty where all is meant."""

    asked: str
    repository: str
    part: str

    @property
    def folder(self) -> str:
        return self.repository.replace("/", "--")


class Selection(NamedTuple):
    """`files` to fetch; `model` is the path below the folder that is the model, empty for the folder itself."""

    id: str
    files: tuple[RemoteFile, ...]
    model: str


def wanted(name: str) -> Wanted:
    """Raises InvalidRequest for what is not `ORG/NAME` or `ORG/NAME:file`."""
    bare = name.strip()
    for host in HOSTS:
        bare = bare.removeprefix(host)
    found = NAME.fullmatch(bare)
    if found is None or ".." in bare or "--" in bare.partition(":")[0]:
        raise InvalidRequest(
            f"A model to pull is called ORG/NAME or ORG/NAME:file, as on the hub, but '{name[:200]}' was asked for.",
            param="model",
        )
    part = found["part"] or ""
    return Wanted(name.strip(), found["repository"], "" if part == "latest" else part)


def select(asked: Wanted, repository: Repository) -> Selection:
    """The files of the model: safetensors with what belongs to them, or one GGUF with all its parts.

    Raises PullFailed where there is no model, or where several GGUF files are and none was named.
    """
    models = _gguf(repository.files)
    if not asked.part and (folder := _folder(repository.files)):
        return Selection(asked.repository, folder, "")
    if not models:
        raise PullFailed(
            f"{asked.repository} has no model that heylook can serve: neither config.json with model*.safetensors, "
            "nor a GGUF file."
        )
    stem = _matching(asked, models)
    files = tuple(sorted(models[stem]))
    name = f"{asked.repository}:{stem}" if asked.part else asked.repository
    return Selection(name, files, files[0].name)


def _folder(files: Iterable[RemoteFile]) -> tuple[RemoteFile, ...]:
    top = [file for file in files if "/" not in file.name and file.name.endswith(OF_FOLDER)]
    names = {file.name for file in top}
    has_weights = any(name.startswith("model") and name.endswith(".safetensors") for name in names)
    return tuple(top) if has_weights and "config.json" in names else ()


def _gguf(files: Iterable[RemoteFile]) -> dict[str, list[RemoteFile]]:
    """By the stem of the name; the parts of a split model count as one."""
    found: dict[str, list[RemoteFile]] = {}
    for file in files:
        path = PurePosixPath(file.name)
        if path.suffix.lower() == ".gguf" and not any(word in path.name.lower() for word in SIDECARS):
            found.setdefault(PART.sub("", path.stem), []).append(file)
    return found


def _matching(asked: Wanted, models: dict[str, list[RemoteFile]]) -> str:
    """The one that is meant: by name with or without `.gguf`, else by its end, such as `Q4_K_M`, in any case."""
    part = asked.part.casefold().removesuffix(".gguf")
    same = [stem for stem in models if stem.casefold() == PART.sub("", part.rpartition("/")[2])]
    ends = [stem for stem in models if re.search(rf"(^|[-_.]){re.escape(part)}$", stem.casefold())]
    candidates = (same or ends) if part else list(models)
    if len(candidates) == 1:
        return candidates[0]
    why = f"has no one file '{asked.part}'" if part else f"has {len(models)} models"
    choice = ", ".join(f"{asked.repository}:{stem}" for stem in sorted(models)[:20])
    raise PullFailed(f"{asked.repository} {why}; name one of: {choice}.")
