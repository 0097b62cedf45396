"""Random clients of the GGUF demo model: no answer is wrong, no slot stays taken, memory does not grow.

Long form: `scripts/soak gguf --minutes 10`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

pytest.importorskip("heylook_gguf", reason="the GGUF provider is not installed")
pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from traffic import Traffic, settings

from heylook_core.testkit.server import server_process

REQUESTS = 300
ROOM = 48 << 20


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_random_clients_get_their_own_answers_and_leave_nothing_behind() -> None:
    with server_process(settings()) as server:
        traffic = Traffic(server.url, server.process.pid)
        tally = asyncio.run(traffic.run(lambda tally: tally.requests < REQUESTS))
    assert tally.requests >= REQUESTS
    assert tally.compared > REQUESTS // 2
    assert len(tally.kinds) == 6
    assert tally.growth < ROOM, [sample >> 20 for sample in tally.memory]
