"""How long sequences may get, and how much memory their cache takes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from heylook_core.errors import LoadFailed, OutOfMemory
from heylook_gguf.config import GgufConfig
from heylook_gguf.weights import Weights

log = logging.getLogger(__name__)

DEFAULT_CONTEXT = 4096
MOST_CELLS = 1 << 31


def context_length(config: GgufConfig, weights: Weights) -> int:
    """The longest sequence: what is configured, but never more than the model was trained for."""
    wanted, trained = config.n_ctx, weights.context_trained
    if wanted is not None and 0 < trained < wanted:
        log.warning("n_ctx is %d, but the model was trained for %d tokens: using that", wanted, trained)
    wanted = wanted or DEFAULT_CONTEXT
    return min(wanted, trained) if trained > 0 else wanted


def cache_cells(config: GgufConfig, length: int) -> int:
    """Tokens in the KV cache of all slots. Raises LoadFailed for more than llama.cpp can count."""
    cells = padded(length) * (1 if config.kv_unified else config.n_slots)
    if cells >= MOST_CELLS:
        raise LoadFailed(f"n_ctx {length} for {config.n_slots} slots is more than llama.cpp can count: lower them.")
    return cells


def padded(length: int) -> int:
    """llama.cpp gives each sequence a multiple of 256 cells, rounded up."""
    return -(-length // 256) * 256


def check_memory(nbytes: int, tokens: int) -> None:
    """Raises OutOfMemory for a KV cache that the machine cannot hold: llama.cpp would be killed while it fills it."""
    free = available_memory()
    if free is not None and nbytes > free:
        raise OutOfMemory(
            f"A KV cache of {tokens} tokens takes {nbytes >> 20} MiB, but only {free >> 20} MiB of memory are free: "
            "lower n_ctx or slots, or set type_k and type_v to q8_0."
        )


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    if not sys.platform.startswith("linux"):
        return None
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None
