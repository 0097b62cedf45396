"""Found models as entries: what their files ask for, then a profile, then what the user overrides."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from heylook_core.catalog.facts import FactReader, ModelFacts
from heylook_core.catalog.profiles import config_keys, profile_config
from heylook_core.catalog.recognition import Recognised
from heylook_core.catalog.scan import Skipped
from heylook_core.config import check_entry
from heylook_core.errors import ConfigError, HeylookError
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.provider import Provider
from heylook_core.quantities import size
from heylook_core.settings import ModelEntry

# What tells models apart cannot be the same for all.
NOT_OVERRIDDEN = ("model_path",)


class Imported(NamedTuple):
    """An entry, sentences about it, and the keys that a profile or the user asked for."""

    entry: ModelEntry
    notes: tuple[str, ...]
    asked: tuple[str, ...]


def configured(
    found: Recognised, plugins: Plugins, profile: str | None = None, overrides: Mapping[str, Any] | None = None
) -> ModelEntry:
    """The entry with the config of base < derived < profile < override, as far as its provider knows the keys.

    Raises ConfigError where the provider refuses that config, PluginError where it cannot be loaded.
    """
    provider = plugins.load(PROVIDERS, found.entry.provider)
    config = {**found.entry.config, **asked(found, provider, profile, overrides)}
    entry = msgspec.structs.replace(found.entry, config=config)
    check_entry(entry, plugins)
    return entry


def asked(
    found: Recognised, provider: type[Provider], profile: str | None, overrides: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What of `config` a profile and the user's overrides set."""
    chosen = profile_config(profile, found, provider) if profile is not None else {}
    known = config_keys(provider)
    return {**chosen, **{key: value for key, value in (overrides or {}).items() if key in known}}


def imported(
    models: Iterable[Recognised], plugins: Plugins, profile: str | None, overrides: Mapping[str, Any]
) -> tuple[list[Imported], list[Skipped]]:
    """Every model as an entry, and those that its provider refuses.

    Raises ConfigError for an override that is wrong, or that no provider of these models knows.
    """
    done, skipped = [], []
    known: set[str] = set()
    for found in models:
        path = found.files[0]
        try:
            provider = plugins.load(PROVIDERS, found.entry.provider)
            configured(found, plugins)
        except HeylookError as error:
            skipped.append(Skipped(path, f"Its entry is refused: {error.message}"))
            continue
        known.update(config_keys(provider))
        entry = described(configured(found, plugins, profile, overrides))
        done.append(Imported(entry, found.notes, tuple(asked(found, provider, profile, overrides))))
    if done:
        _check_known(overrides, known)
    return done, skipped


def _check_known(overrides: Mapping[str, Any], known: set[str]) -> None:
    for key in overrides:
        if key in NOT_OVERRIDDEN:
            raise ConfigError(f"--override cannot set {key}: it is what tells the models apart.")
        if key not in known:
            close = difflib.get_close_matches(key, known, 1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}."
            raise ConfigError(f"--override names {key}, which no provider of these models knows; {hint}")


def described(entry: ModelEntry) -> ModelEntry:
    """The entry with a line for people, by what its files say."""
    return msgspec.structs.replace(entry, description=description(FactReader().facts(entry)))


def description(facts: ModelFacts) -> str | None:
    """Architecture, parameters, quantisation and size on disk, as far as they are known."""
    count = facts.parameters
    words = [
        facts.architecture,
        f"{_count(count)} parameters" if count else "",
        facts.quantization,
        size(facts.bytes) if facts.bytes else "",
    ]
    return ", ".join(filter(None, words)) or None


def _count(parameters: int) -> str:
    for factor, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= factor:
            return f"{parameters / factor:.3g}{unit}"
    return str(parameters)
