"""Filters, penalties and seeds on small distributions."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.sample_utils import greedy_sampler

from heylook_core.engine import Guide
from heylook_core.messages import SamplerSettings
from heylook_mlx.constraint import GuidedLogits
from heylook_mlx.logprobs import LOWEST, RawLogits, Wanted, measure
from heylook_mlx.sampling import Sampler, Samplers, apply_typical_p, processors

pytestmark = pytest.mark.unit

PROBABILITIES = [0.5, 0.25, 0.125, 0.0625, 0.0625]
LOGPROBS = mx.log(mx.array([PROBABILITIES]))


def drawn(settings: SamplerSettings, times: int = 300, scores: mx.array = LOGPROBS) -> set[int]:
    sampler = Sampler(settings, scores.shape[-1], seed=1)
    tokens: Any = sampler(mx.broadcast_to(scores, (times, scores.shape[-1])))
    return set(tokens.tolist())


@pytest.mark.parametrize(
    ("settings", "possible"),
    [
        ({}, {0, 1, 2, 3, 4}),
        ({"top_k": 2}, {0, 1}),
        ({"top_k": 1}, {0}),
        ({"top_k": 50}, {0, 1, 2, 3, 4}),
        ({"top_k": -1}, {0, 1, 2, 3, 4}),
        ({"top_p": 0.7}, {0, 1}),
        ({"top_p": 0.0}, {0}),
        ({"top_k": 2, "top_p": 0.6}, {0}),
        ({"min_p": 0.3}, {0, 1}),
        ({"min_p": 2.0}, {0}),
        ({"temperature": 0.001}, {0}),
        ({"temperature": 1e-9}, {0}),
        ({"xtc_probability": 1.0, "xtc_threshold": 0.1}, {2, 3, 4}),
        ({"typical_p": 0.2}, {1}),
    ],
)
def test_filters_leave_what_they_should(settings, possible):
    assert drawn(SamplerSettings(**settings)) == possible


def test_typical_tokens_are_those_of_expected_surprise():
    kept = apply_typical_p(LOGPROBS, 0.7)
    assert np.isfinite(np.array(kept)).tolist() == [[True, True, False, False, False]]


def test_half_precision_scores_survive_small_temperatures():
    scores = LOGPROBS.astype(mx.float16) - 20
    assert drawn(SamplerSettings(temperature=0.0002), scores=scores) == {0}


def test_a_seed_draws_the_same_numbers_whatever_else_is_drawn():
    settings = SamplerSettings(seed=7)
    one = [Samplers(5).pick(settings) for _ in range(2)]
    first = [one[0](LOGPROBS).item() for _ in range(30)]
    second = []
    for _ in range(30):
        mx.eval(mx.random.uniform())
        second.append(one[1](LOGPROBS).item())
    assert first == second
    assert first != [Samplers(5).pick(SamplerSettings(seed=8))(LOGPROBS).item() for _ in range(30)]


def test_rows_with_equal_settings_share_a_sampler():
    samplers = Samplers(5)
    warm = samplers.pick(SamplerSettings(temperature=0.7))
    assert samplers.pick(SamplerSettings(temperature=0.7, repetition_penalty=1.2)) is warm
    assert samplers.pick(SamplerSettings(temperature=0.8)) is not warm
    assert samplers.pick(SamplerSettings(temperature=0.7, seed=1)) is not warm
    assert samplers.pick(SamplerSettings(temperature=0.0, seed=1)) is greedy_sampler


def test_two_models_without_seed_draw_different_numbers():
    settings = SamplerSettings()
    wide = mx.zeros((64, 1000))
    assert Samplers(1000).pick(settings)(wide).tolist() != Samplers(1000).pick(settings)(wide).tolist()


def processed(settings: SamplerSettings, tokens: list[int]) -> list[float]:
    logits: Any = mx.array([[1.0, 2.0, -1.0, 0.0]])
    for process in processors(settings, 4):
        logits = process(mx.array(tokens), logits)
    return [round(value, 4) for value in logits[0].tolist()]


@pytest.mark.parametrize(
    ("settings", "tokens", "expected"),
    [
        ({}, [0, 1], [1.0, 2.0, -1.0, 0.0]),
        ({"repetition_penalty": 2.0}, [1, 2], [1.0, 1.0, -2.0, 0.0]),
        ({"repetition_penalty": 2.0, "repetition_window": 1}, [1, 2], [1.0, 2.0, -2.0, 0.0]),
        ({"repetition_penalty": 2.0, "repetition_window": 0}, [1, 2], [1.0, 2.0, -1.0, 0.0]),
        ({"repetition_penalty": 2.0, "repetition_window": -1}, [0] * 100 + [1] * 99, [0.5, 1.0, -1.0, 0.0]),
        ({"presence_penalty": 0.5}, [0, 0, 3], [0.5, 2.0, -1.0, -0.5]),
        ({"frequency_penalty": 0.5}, [0, 0, 3], [0.0, 2.0, -1.0, -0.5]),
        ({"logit_bias": {3: 100.0, 99: 5.0, -1: 5.0}}, [0], [1.0, 2.0, -1.0, 100.0]),
    ],
)
def test_penalties_and_bias(settings, tokens, expected):
    assert processed(SamplerSettings(**settings), tokens) == expected


def test_logprobs_are_natural_and_sorted():
    ((chosen, top),) = measure([Wanted(2, LOGPROBS[0] + 3.0, 2)])
    assert chosen == pytest.approx(np.log(0.125), abs=1e-5)
    assert [token for token, _ in top] == [0, 1]
    assert [value for _, value in top] == pytest.approx(np.log([0.5, 0.25]), abs=1e-5)


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (5, 5), (20, 5)])
def test_alternatives_are_at_most_the_vocabulary(asked, given):
    ((_, top),) = measure([Wanted(0, LOGPROBS[0], asked)])
    assert len(top) == given


def test_logprobs_are_never_infinite():
    ((chosen, _),) = measure([Wanted(1, mx.array([0.0, -mx.inf]), 1)])
    assert chosen == LOWEST


def test_raw_logits_lag_one_token_behind():
    raw = RawLogits()
    for value in (1.0, 2.0, 3.0):
        raw(mx.array([0]), mx.array([[value]]))
    assert raw.reported.item() == 2.0


class Alternating(Guide):
    """A guide that allows even tokens, then odd ones, and remembers what it was told."""

    def __init__(self):
        self.seen = []

    def mask(self):
        allowed = np.arange(10) % 2 == len(self.seen) % 2
        return np.packbits(allowed, bitorder="little")

    def accepts(self, token):
        return token % 2 == len(self.seen) % 2

    def advance(self, token):
        self.seen.append(token)


def test_a_guide_masks_and_does_not_see_the_prompt():
    guide = Alternating()
    guided = GuidedLogits(guide, 12, eos=[11])
    first = guided(mx.array([5, 6]), mx.zeros((1, 12)))
    assert np.isfinite(np.array(first[0])).tolist() == [True, False] * 5 + [False, False]
    guided(mx.array([5, 6, 4]), mx.zeros((1, 12)))
    assert guide.seen == [4]


def test_a_failing_guide_forces_the_end_and_does_not_raise():
    class Broken(Alternating):
        def mask(self):
            raise ValueError("lost")

    guided = GuidedLogits(Broken(), 12, eos=[11])
    logits = guided(mx.array([1]), mx.zeros((1, 12)))
    assert guided.error is not None
    assert "ValueError: lost" in guided.error
    assert mx.argmax(logits).item() == 11


def test_a_guide_that_allows_nothing_forces_the_end():
    class Dead(Alternating):
        def mask(self):
            return np.zeros(2, dtype=np.uint8)

    logits = GuidedLogits(Dead(), 12, eos=[11])(mx.array([1]), mx.zeros((1, 12)))
    assert np.isfinite(np.array(logits[0])).nonzero()[0].tolist() == [11]
