"""Everything that is known of a model without loading it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec

from heylook_core.catalog.facts import ModelFacts
from heylook_core.errors import HeylookError
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.provider import Capability, Estimate, ModelSpec, Provider
from heylook_core.settings import ModelEntry

log = logging.getLogger(__name__)


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """`missing` are paths of the config where there is nothing. `installed` says whether the provider can be loaded,
    `fault` what is wrong otherwise.

    `config` is the provider's own Struct with its defaults, None where it is refused; `notices` are about keys without
    effect. `estimate` and `capabilities` are what is to be expected, None and empty where that is unknown.
    """

    entry: ModelEntry
    facts: ModelFacts
    missing: tuple[str, ...]
    installed: bool
    fault: str | None = None
    config: Any = None
    notices: tuple[str, ...] = ()
    estimate: Estimate | None = None
    capabilities: tuple[Capability, ...] = ()


def card(entry: ModelEntry, facts: ModelFacts, plugins: Plugins) -> ModelCard:
    """Reads headers of files at most; raises nothing."""
    plain = ModelCard(entry=entry, facts=facts, missing=missing_paths(entry), installed=False)
    try:
        provider = plugins.load(PROVIDERS, entry.provider)
    except HeylookError as error:
        return msgspec.structs.replace(plain, fault=error.message)
    plain = msgspec.structs.replace(plain, installed=True)
    try:
        config = msgspec.convert(entry.config, provider.Config)
    except msgspec.ValidationError as error:
        return msgspec.structs.replace(plain, fault=f"Its config is refused: {error}")
    notices = getattr(config, "notices", list)
    return msgspec.structs.replace(
        plain,
        config=config,
        notices=tuple(notices()),
        estimate=None if plain.missing else _estimate(provider, entry, config),
        capabilities=provider.expects(config, facts),
    )


def missing_paths(entry: ModelEntry) -> tuple[str, ...]:
    """The keys of `config` that name a path where there is nothing."""
    return tuple(
        key
        for key, value in entry.config.items()
        if key.endswith("_path") and isinstance(value, str) and value.startswith("/") and not Path(value).exists()
    )


def _estimate(provider: type[Provider], entry: ModelEntry, config: Any) -> Estimate | None:
    spec = ModelSpec(id=entry.id, provider=entry.provider, config=entry.config)
    try:
        return provider(spec, config).estimate()
    except Exception as error:
        log.debug("the estimate of %s failed: %s", entry.id, error, exc_info=True)
        return None
