"""How much prompt a step may read."""

from __future__ import annotations

import pytest

from heylook_core.batching.pace import ALONE_SECONDS, BESIDE_SECONDS, SHORT_PROMPT, SHORT_SECONDS, PrefillPace

pytestmark = pytest.mark.unit
SPEED = 500
LEAST = 32


@pytest.fixture
def pace() -> PrefillPace:
    made = PrefillPace(LEAST)
    made.learn(0.1, SPEED // 10, False)
    return made


def test_a_long_prompt_beside_running_answers_is_read_in_small_chunks(pace: PrefillPace):
    assert pace.budget(True, [1500]) == pace.budget(True, [1500, 900]) == max(int(SPEED * BESIDE_SECONDS), LEAST)


def test_what_an_engine_wants_at_the_least_is_read_on_a_slow_machine_too():
    slow = PrefillPace(65)
    slow.learn(1.0, 50, False)
    assert slow.budget(True, [1500]) == slow.budget(False, [1500]) == 65


def test_nobody_waits_for_the_next_token_of_an_answer_that_does_not_exist(pace: PrefillPace):
    assert pace.budget(False, [1500]) == int(SPEED * ALONE_SECONDS)


def test_short_prompts_are_read_whole_as_far_as_time_allows(pace: PrefillPace):
    assert pace.budget(True, [90]) == 90
    assert pace.budget(True, [90, 60]) == 150
    assert pace.budget(True, [90] * 8) == SPEED * SHORT_SECONDS // 90 * 90


def test_one_short_prompt_is_read_whole_where_several_would_take_too_long():
    slow = PrefillPace(LEAST)
    slow.learn(1.0, 150, False)
    assert slow.budget(True, [140]) == 140
    assert slow.budget(True, [140, 140]) == 140
    assert slow.budget(True, [160]) == LEAST


def test_a_prompt_is_short_up_to_a_length(pace: PrefillPace):
    assert pace.budget(True, [SHORT_PROMPT]) == SHORT_PROMPT
    assert pace.budget(True, [SHORT_PROMPT + 1]) < SHORT_PROMPT
