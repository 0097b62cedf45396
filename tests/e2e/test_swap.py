"""Two models of which only one may be in memory, asked by eight clients in turns: right answers, no leak.

Long form: `scripts/soak swap --swaps 500`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from swapping import Swaps, installed, settings, swapping

from heylook_core.testkit.server import server_process

SWAPS = 20


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.skipif(len(installed()) < 2, reason="only one engine is installed")
def test_hot_swap_under_load_gives_right_answers_and_keeps_no_memory() -> None:
    models = settings(*installed())

    def more(swaps: Swaps) -> bool:
        return swaps.loads < SWAPS or any(len(samples) < 6 for samples in swaps.memory.values())

    with server_process(models) as server:
        swaps = asyncio.run(swapping(server, [entry.id for entry in models.models], more))
    assert swaps.loads >= SWAPS
    assert swaps.answers >= 8 * SWAPS
    assert swaps.flat, swaps.memory
