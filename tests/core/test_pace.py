"""How much prompt a step may read."""

from __future__ import annotations

import pytest

from heylook_core.batching.pace import ALONE_SECONDS, BESIDE_SECONDS, PrefillPace

pytestmark = pytest.mark.unit


@pytest.fixture
def pace() -> PrefillPace:
    """It has seen 1,000 tokens a second."""
    made = PrefillPace()
    made.learn(0.1, 100, False)
    return made


def test_one_prompt_beside_running_answers_is_read_in_small_chunks(pace: PrefillPace):
    assert pace.budget(True) == pytest.approx(1000 * BESIDE_SECONDS, abs=1)


def test_many_prompts_at_once_are_read_faster_but_never_faster_than_with_nobody_waiting(pace: PrefillPace):
    assert pace.budget(True, 2) == pytest.approx(1000 * 2 * BESIDE_SECONDS, abs=1)
    assert pace.budget(True, 8) == pace.budget(False, 8) == pytest.approx(1000 * ALONE_SECONDS, abs=1)
