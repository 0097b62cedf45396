"""The sinks that `plugins.sinks` names, from the start of the server to its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from heylook_core.errors import PluginError
from heylook_core.plugins import SINKS, Plugins

log = logging.getLogger(__name__)


@contextmanager
def attached(names: Sequence[str], plugins: Plugins) -> Iterator[None]:
    """Make each sink and register it for hooks; close all at the end. Raises PluginError if one cannot be had."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(_attached(name, plugins))
        yield


@contextmanager
def _attached(name: str, plugins: Plugins) -> Iterator[None]:
    key = f"{SINKS}:{name}"
    try:
        sink = plugins.load(SINKS, name)()
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"The sink '{name}' cannot start: {type(error).__name__}: {error}") from error
    try:
        if not plugins.add(key, sink):
            raise PluginError(f"The sink '{name}' cannot be used; `heylookllm plugins --check` says why.")
        yield
    finally:
        plugins.remove(key)
        try:
            sink.close()
        except Exception:
            log.exception("The sink '%s' could not be closed", name)
