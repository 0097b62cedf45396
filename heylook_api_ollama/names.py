"""Model names: `[host/][namespace/]model[:tag]` with defaults, compared without regard to case."""

from __future__ import annotations

from collections.abc import Iterator

from heylook_core.catalog import Catalog
from heylook_core.errors import MissingField, ModelNotFound
from heylook_core.settings import ModelEntry

DEFAULT_TAG = "latest"
DEFAULT_PREFIXES = ("registry.ollama.ai/library/", "registry.ollama.ai/", "library/")
LOCAL = ":local"


def listed_name(name: str) -> str:
    """The name with its tag, as Ollama lists it: clients look for exactly this."""
    return name if _tag(name) else f"{name}:{DEFAULT_TAG}"


def find(catalog: Catalog, name: str | None) -> ModelEntry:
    """The model that a request means: its id or an alias, in any case, with or without `:latest`.

    Raises MissingField without a name, and ModelNotFound with the words `not found`, which clients look for.
    """
    if not name:
        raise MissingField("model is required", param="model")
    wanted = set(_forms(name))
    for entry in catalog.entries():
        if wanted & {listed_name(known).casefold() for known in (entry.id, *entry.aliases)}:
            return entry
    known = ", ".join(listed_name(entry.id) for entry in catalog.entries()[:20]) or "none"
    raise ModelNotFound(f"model {name[:200]!r} not found; the models of this server are: {known}", param="model")


def _forms(name: str) -> Iterator[str]:
    """What the name may be listed as, lower case. `:local` only tells Ollama not to look in its cloud."""
    lower = name.casefold()
    lower = lower.removesuffix(LOCAL) or lower
    yield listed_name(lower)
    for prefix in DEFAULT_PREFIXES:
        if lower.startswith(prefix):
            yield listed_name(lower.removeprefix(prefix))


def _tag(name: str) -> str:
    """What follows the last colon, if that comes after the last slash."""
    return name.rpartition("/")[2].partition(":")[2]
