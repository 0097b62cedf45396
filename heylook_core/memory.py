"""How much memory models may take together where nobody says it: `memory_budget: auto`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from heylook_core.plugins import Plugins
from heylook_core.quantities import bytes_of
from heylook_core.settings import Settings

# The rest is for the system, the server itself and what engines need for a moment.
SHARE = 0.8

_CGROUP = Path("/sys/fs/cgroup/memory.max")


async def memory_budget(settings: Settings, plugins: Plugins) -> int:
    """Bytes for all loaded models together: as configured, else a share of what this machine has.

    A plugin may know a lower limit of its backend (`memory_limit`), of which nothing is taken off: Metal's
    recommended working set leaves room already.
    """
    if settings.memory_budget != "auto":
        return bytes_of(settings.memory_budget)
    limits = await asyncio.to_thread(plugins.ask, "memory_limit")
    share = round(physical_memory() * SHARE)
    return min([share, *(limit for limit in limits if isinstance(limit, int) and limit > 0)])


def physical_memory() -> int:
    """Bytes of this machine, or of the container it runs in."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = _CGROUP.read_text().strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdigit() else whole
