"""The models that tests can have without a download: toy, scripted, and the demo model on every installed engine."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.settings import ModelEntry

TAG = "demo"


CONTEXT_KEYS = {"toy": "context", "scripted": "context", "mlx": "context", "gguf": "n_ctx"}


def with_context(entry: ModelEntry, tokens: int) -> ModelEntry:
    """The same model with a context of so many tokens, so that a test can exceed it cheaply."""
    return msgspec.structs.replace(entry, config={**entry.config, CONTEXT_KEYS[entry.provider]: tokens})


def installed_models(providers: Sequence[str] = (), plugins: Plugins | None = None) -> list[ModelEntry]:
    """One model for each provider, with the provider's name as its id; only those of `providers` if any are named.

    Real engines get a process of their own, so that a crash of theirs is one failed test.
    """
    if plugins is None:
        plugins = Plugins()
        plugins.load_hooks()
    brought = [entry for answer in plugins.ask("provide_models") for entry in answer if TAG in entry.tags]
    known = [
        ModelEntry(id="toy", provider="toy", placement="thread"),
        ModelEntry(id="scripted", provider="scripted", placement="thread"),
        *(msgspec.structs.replace(entry, aliases=(), placement="process") for entry in brought),
    ]
    found: dict[str, ModelEntry] = {}
    for entry in known:
        if entry.provider in plugins.names(PROVIDERS) and (not providers or entry.provider in providers):
            found.setdefault(entry.provider, msgspec.structs.replace(entry, id=entry.provider))
    return list(found.values())
