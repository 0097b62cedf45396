"""Choosing tokens: greedy, seeds, every parameter, guides and log-probabilities."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import numpy as np
import pytest

from heylook_core.engine import Budget, Guide, SequenceTask, Token
from heylook_core.messages import SamplerSettings
from heylook_gguf.library import library
from heylook_gguf.model import GgufModel
from heylook_gguf.sampling import Candidates, NoToken, Sampler, logprobs

pytestmark = pytest.mark.integration

VOCABULARY = 50
sids = count(1)


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    return Candidates(library(), VOCABULARY)


def row(*best: int) -> np.ndarray[Any, Any]:
    """Logits in which these tokens lead, in this order, by 1 each."""
    values = np.linspace(-9, -8, VOCABULARY, dtype=np.float32)
    for place, token in enumerate(best):
        values[token] = 5.0 - place
    return values


def draws(candidates: Candidates, settings: SamplerSettings, logits: np.ndarray[Any, Any], number: int) -> Counter[int]:
    sampler = Sampler(candidates, settings, [1])
    try:
        return Counter(sampler.choose(logits.copy(), None) for _ in range(number))
    finally:
        sampler.close()


def test_greedy_takes_the_highest_and_the_first_of_equals(candidates: Candidates) -> None:
    greedy = SamplerSettings(temperature=0.0)
    assert draws(candidates, greedy, row(7, 3), 3) == {7: 3}
    assert draws(candidates, greedy, np.zeros(VOCABULARY, np.float32), 1) == {0: 1}


def test_the_same_seed_draws_the_same_tokens_and_another_does_not(candidates: Candidates) -> None:
    flat = np.zeros(VOCABULARY, np.float32)

    def sequence(seed: int | None) -> list[int]:
        sampler = Sampler(candidates, SamplerSettings(seed=seed), [])
        tokens = [sampler.choose(flat.copy(), None) for _ in range(40)]
        sampler.close()
        return tokens

    assert sequence(5) == sequence(5)
    assert sequence(5) != sequence(6)
    assert sequence(None) != sequence(None)
    assert sequence(-1) == sequence(-1)


def test_frequencies_follow_the_softmax_of_the_logits(candidates: Candidates) -> None:
    logits = row(7, 3, 9)
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    seen = draws(candidates, SamplerSettings(seed=1), logits, 4000)
    for token in (7, 3, 9):
        assert abs(seen[token] / 4000 - expected[token]) < 0.04


def test_temperature_flattens(candidates: Candidates) -> None:
    cold = draws(candidates, SamplerSettings(temperature=0.2, seed=1), row(7, 3), 300)
    hot = draws(candidates, SamplerSettings(temperature=3.0, seed=1), row(7, 3), 300)
    assert cold[7] > 280 > hot[7]


@pytest.mark.parametrize(
    ("settings", "possible"),
    [
        (SamplerSettings(top_k=2, seed=1), {7, 3}),
        (SamplerSettings(top_p=0.7, seed=1), {7, 3}),
        (SamplerSettings(top_p=0.0, seed=1), {7}),
        (SamplerSettings(min_p=0.3, seed=1), {7, 3}),
        (SamplerSettings(typical_p=0.5, seed=1), {7, 3}),
        (SamplerSettings(xtc_probability=1.0, xtc_threshold=0.05, top_k=3, seed=1), {9}),
    ],
)
def test_narrowing_leaves_these_tokens(candidates: Candidates, settings: SamplerSettings, possible: set[int]) -> None:
    seen = set(draws(candidates, settings, row(7, 3, 9), 400))
    assert seen <= possible
    assert seen


def test_a_bias_decides_also_for_greedy(candidates: Candidates) -> None:
    biased = SamplerSettings(temperature=0.0, logit_bias={9: 100.0, 10**6: 1.0})
    assert draws(candidates, biased, row(7, 3), 2) == {9: 2}
    forbidden = SamplerSettings(temperature=0.0, logit_bias={7: -100.0})
    assert draws(candidates, forbidden, row(7, 3), 2) == {3: 2}


@pytest.mark.parametrize(
    "settings",
    [
        SamplerSettings(temperature=0.0, repetition_penalty=3.0),
        SamplerSettings(temperature=0.0, presence_penalty=2.0),
        SamplerSettings(temperature=0.0, frequency_penalty=2.0),
    ],
)
def test_penalties_move_on_to_the_next_token(candidates: Candidates, settings: SamplerSettings) -> None:
    sampler = Sampler(candidates, settings, [])
    chosen = [sampler.choose(row(7, 3), None) for _ in range(2)]
    sampler.close()
    assert chosen == [7, 3]


def test_the_repetition_window_counts_the_prompt_and_ends(candidates: Candidates) -> None:
    prompt = [7, *[1] * 10]
    for window, expected in ((64, 3), (-1, 3), (5, 7), (0, 7)):
        settings = SamplerSettings(temperature=0.0, repetition_penalty=9.0, repetition_window=window)
        sampler = Sampler(candidates, settings, prompt)
        assert sampler.choose(row(7, 3), None) == expected
        sampler.close()


def test_numbers_that_are_not_finite_are_refused(candidates: Candidates) -> None:
    broken = np.full(VOCABULARY, np.nan, np.float32)
    for settings in (SamplerSettings(temperature=0.0), SamplerSettings(top_k=4, top_p=0.9)):
        sampler = Sampler(candidates, settings, [])
        with pytest.raises(NoToken):
            sampler.choose(broken.copy(), None)
        sampler.close()


class Only(Guide):
    """Allows a fixed set of tokens and counts what it is asked."""

    def __init__(self, *allowed: int) -> None:
        self.allowed = set(allowed)
        self.masks = 0
        self.taken: list[int] = []

    def mask(self) -> np.ndarray[Any, Any]:
        self.masks += 1
        bits = np.zeros(VOCABULARY, np.uint8)
        bits[[token for token in self.allowed if token < VOCABULARY]] = 1
        return np.packbits(bits, bitorder="little")

    def accepts(self, token: int) -> bool:
        return token in self.allowed

    def advance(self, token: int) -> None:
        self.taken.append(token)


def test_a_guide_is_asked_for_its_mask_only_when_it_refuses(candidates: Candidates) -> None:
    sampler = Sampler(candidates, SamplerSettings(temperature=0.0), [])
    willing, strict = Only(7), Only(9, 12)
    assert sampler.choose(row(7, 3, 9), willing) == 7
    assert willing.masks == 0
    assert sampler.choose(row(7, 3, 9), strict) == 9
    assert strict.masks == 1
    sampler.close()


def test_a_refused_token_is_not_penalised(candidates: Candidates) -> None:
    sampler = Sampler(candidates, SamplerSettings(temperature=0.0, repetition_penalty=9.0), [])
    assert sampler.choose(row(7, 3), Only(3)) == 3
    assert sampler.choose(row(7, 3), None) == 7
    sampler.close()


def test_guided_frequencies_are_those_of_the_masked_softmax(candidates: Candidates) -> None:
    logits, guide = row(7, 3, 9, 11), Only(3, 9)
    sampler = Sampler(candidates, SamplerSettings(seed=3), [])
    seen = Counter(sampler.choose(logits.copy(), guide) for _ in range(3000))
    sampler.close()
    assert set(seen) == {3, 9}
    assert abs(seen[3] / 3000 - np.e / (1 + np.e)) < 0.04


def test_logprobs_are_the_log_softmax_of_the_raw_logits() -> None:
    logits = np.random.default_rng(0).standard_normal(5000).astype(np.float32) * 4
    wide = logits.astype(np.float64)
    reference = wide - wide.max() - np.log(np.exp(wide - wide.max()).sum())
    chosen, top = logprobs(logits, 17, 6)
    assert chosen == pytest.approx(reference[17], abs=1e-4)
    best = np.argsort(-reference)[:6]
    assert [token for token, _ in top] == best.tolist()
    assert [value for _, value in top] == pytest.approx(reference[best].tolist(), abs=1e-4)


def test_logprobs_without_alternatives_and_with_more_than_there_are() -> None:
    logits = np.array([0.0, 0.0], np.float32)
    chosen, top = logprobs(logits, 0, 0)
    assert chosen == pytest.approx(-np.log(2))
    assert top == ()
    assert len(logprobs(logits, 0, 20)[1]) == 2


def test_the_engine_advances_the_guide_and_its_logprobs_are_unmasked(model: GgufModel) -> None:
    engine = model.lanes()[0]

    class Low(Only):
        def mask(self) -> np.ndarray[Any, Any]:
            bits = np.zeros(model.info.vocabulary, np.uint8)
            bits[list(self.allowed)] = 1
            return np.packbits(bits, bitorder="little")

    def tokens(guide: Guide | None) -> list[Token]:
        task = SequenceTask(
            next(sids), [20, 30, 40], limit=4, sampling=SamplerSettings(temperature=0.0), guide=guide, top_logprobs=1
        )
        engine.insert(task)
        outs: list[Token] = []
        while len(outs) < 4:
            outs += [out for out in engine.step(Budget(8)) if isinstance(out, Token)]
        engine.remove(task.sid, keep=False)
        return outs

    free, guide = tokens(None), Low(50, 51)
    guided = tokens(guide)
    assert [token.id for token in guided] == guide.taken
    assert {token.id for token in guided} <= {50, 51}
    assert guided[0].top == free[0].top
    assert guided[0].logprob < free[0].logprob
