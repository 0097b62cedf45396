"""Two models of which only one may be in memory, asked by eight clients in turns: right answers, no leak.

Long form: `scripts/soak swap --swaps 500`.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest

pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from swapping import SLACK, Swaps, alternating, children, installed, settings, slope, swapping

from heylook_core.testkit.server import server_process

SWAPS = 20
TURNS = 14
WARM = 4
LEAK = 1 << 19
"""Bytes per load that must not go unnoticed."""

both_engines = pytest.mark.skipif(len(installed()) < 2, reason="only one engine is installed")


@pytest.mark.integration
@pytest.mark.timeout(600)
@both_engines
def test_hot_swap_under_load_gives_right_answers_and_keeps_no_memory() -> None:
    models = settings(*installed())
    names = [entry.id for entry in models.models]

    def more(swaps: Swaps) -> bool:
        return swaps.loads < SWAPS or swaps.answers < 8 * SWAPS

    with server_process(models) as server:
        asyncio.run(swapping(server, names, more))
        memory = asyncio.run(alternating(server, names, TURNS))
        assert children(server.process.pid) <= 2, "more than a worker, and one that waits for the next model"
    for samples in memory.values():
        assert growth(samples[WARM:]) <= SLACK, memory


def growth(samples: Sequence[int]) -> float:
    """Memory after `SWAPS` loads more as a part of what it is, by the slope of samples that were taken load by load.

    Two samples by themselves may differ by more, see `test_a_leak_is_told_from_noise`.
    """
    return 1 + slope(samples) * SWAPS / median(samples)


@pytest.mark.unit
@pytest.mark.parametrize("seed", range(50))
def test_a_leak_is_told_from_noise(seed: int) -> None:
    chance = random.Random(seed)
    noise = [(140 << 20) + chance.randrange(-LEAK, LEAK) for _ in range(TURNS - WARM)]
    noise[chance.randrange(len(noise))] += chance.choice((-14, 14)) << 20
    assert growth(noise) <= SLACK
    assert growth([sample + number * LEAK for number, sample in enumerate(noise)]) > SLACK
