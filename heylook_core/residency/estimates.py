"""What models will take before they are loaded, asked of their providers."""

from __future__ import annotations

import logging

import msgspec

from heylook_core.errors import HeylookError
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.provider import Estimate, ModelSpec, Provider
from heylook_core.settings import ModelEntry

log = logging.getLogger(__name__)


def estimated(entry: ModelEntry, plugins: Plugins) -> Estimate | None:
    """None where the provider cannot tell; what is wrong with the model is for the load to say. Blocks on files."""
    try:
        cls: type[Provider] = plugins.load(PROVIDERS, entry.provider)
        spec = ModelSpec(id=entry.id, provider=entry.provider, config=entry.config)
        return cls(spec, msgspec.convert(entry.config, cls.Config)).estimate()
    except (HeylookError, OSError, ValueError) as error:
        log.debug("no estimate of model %s: %s", entry.id, error)
    except Exception:
        log.warning("The memory that model %s will take could not be estimated", entry.id, exc_info=True)
    return None
