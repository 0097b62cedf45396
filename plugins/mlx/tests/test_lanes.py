"""Both lanes beyond the contract: budgets, guides, penalties, log-probabilities, faults, memory."""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import weakref
from itertools import count
from typing import Any

import numpy as np
import pytest

from heylook_core.engine import AtMark, Broken, Budget, Guide, Prefilled, SequenceTask, Token
from heylook_core.errors import InvalidRequest
from heylook_core.messages import SamplerSettings

pytestmark = pytest.mark.integration

GREEDY = SamplerSettings(temperature=0.0)
SETTINGS: dict[str, dict[str, Any]] = {
    "batch": {},
    "quantised": {"kv_bits": 8, "kv_group_size": 32, "quantized_kv_start": 16},
    "draft": {"draft_model_path": None, "num_draft_tokens": 3},
}
sids = count(1)


@pytest.fixture(scope="module", params=SETTINGS)
def model(request, provider_of, llama, other_llama):
    settings = dict(SETTINGS[request.param])
    if "draft_model_path" in settings:
        settings["draft_model_path"] = str(other_llama)
    model = provider_of(llama, **settings).load()
    yield model
    model.close()


@pytest.fixture
def engine(model):
    engine = model.lanes()[0]
    yield engine
    engine.reset()


def task(tokens, limit=8, **fields):
    return SequenceTask(next(sids), list(tokens), limit=limit, **{"sampling": GREEDY, **fields})


def run(engine, *tasks, budget=16):
    """Steps until every sequence has ended; what came out, by sequence."""
    outs = {one.sid: [] for one in tasks}
    for one in tasks:
        engine.insert(one)
    waiting = set(outs)
    for _ in range(500):
        for out in engine.step(Budget(budget)):
            outs[out.sid].append(out)
            if isinstance(out, Broken) or (isinstance(out, Token) and out.end):
                waiting.discard(out.sid)
                engine.remove(out.sid, False)
        if not waiting:
            return [outs[one.sid] for one in tasks]
    raise AssertionError("the sequences did not end")


def ids(outs):
    return [out.id for out in outs if isinstance(out, Token)]


PROMPT = [20 + index * 7 % 500 for index in range(90)]


def test_upstream_has_what_the_lanes_use():
    generate = importlib.import_module("mlx_lm.generate")
    cache = importlib.import_module("mlx_lm.models.cache")
    parameters = set(inspect.signature(generate.BatchGenerator.insert_segments).parameters)
    names = {"max_tokens", "caches", "all_tokens", "samplers", "logits_processors", "stop_sequences"}
    assert parameters >= names
    for name in ("next", "remove", "extract_cache", "prompt_cache_nbytes", "stream", "close"):
        assert hasattr(generate.BatchGenerator, name)
    fields = set(generate.GenerationBatch.Response.__dataclass_fields__)
    assert fields >= {"uid", "token", "logprobs", "finish_reason", "prompt_cache", "all_tokens"}
    assert set(generate.PromptProcessingBatch.Response.__dataclass_fields__) >= {"progress", "end_of_prompt"}
    assert {"num_draft_tokens", "prompt_cache"} <= set(inspect.signature(generate.speculative_generate_step).parameters)
    assert hasattr(cache.KVCache, "to_quantized")


@pytest.mark.parametrize("budget", [1, 7, 16, 64])
def test_a_step_reads_no_more_prompt_than_its_budget(engine, budget):
    engine.insert(task(PROMPT))
    done = 0
    for _ in range(200):
        for out in engine.step(Budget(budget)):
            if isinstance(out, Token):
                return
            if isinstance(out, Prefilled):
                assert out.done - done <= budget
                done = out.done
    raise AssertionError("the prompt was not finished")


def test_the_answer_does_not_depend_on_the_budget(engine):
    answers = [ids(run(engine, task(PROMPT), budget=budget)[0]) for budget in (1, 5, 16, 1000)]
    assert answers == [answers[0]] * 4


def test_without_budget_running_rows_go_on_and_prompts_wait(engine):
    if engine.rows < 2:
        pytest.skip("this lane runs one row")
    first, second = task(PROMPT[:3], 30), task(PROMPT)
    engine.insert(first)
    while not any(isinstance(out, Token) for out in engine.step(Budget(16))):
        pass
    engine.insert(second)
    for _ in range(5):
        outs = engine.step(Budget(0))
        assert {out.sid for out in outs} == {first.sid}
    while not any(isinstance(out, Prefilled) and out.sid == second.sid for out in engine.step(Budget(16))):
        pass


def test_without_budget_a_lone_prompt_waits(engine):
    engine.insert(task(PROMPT))
    assert engine.step(Budget(0)) == []


def test_one_token_prompts_work(engine):
    assert len(ids(run(engine, task([7], 5))[0])) == 5


def test_a_mark_at_the_end_of_the_prompt_is_reported_before_the_first_token(engine):
    marks = (10, len(PROMPT))
    outs = run(engine, task(PROMPT, marks=marks))[0]
    kinds = [out.n if isinstance(out, AtMark) else "token" for out in outs if isinstance(out, AtMark | Token)]
    assert kinds[:3] == [10, 90, "token"]


def test_state_at_a_mark_at_the_end_of_the_prompt_is_the_prompt(engine):
    alone = ids(run(engine, task([*PROMPT, 33]))[0])
    one = task(PROMPT, marks=(len(PROMPT),))
    engine.insert(one)
    while not any(isinstance(out, AtMark) for out in engine.step(Budget(16))):
        pass
    snapshot = engine.snapshot(one.sid)
    assert snapshot.tokens.tolist() == PROMPT
    engine.remove(one.sid, False)
    assert ids(run(engine, task([*PROMPT, 33], prefix=snapshot, cut=len(PROMPT)))[0]) == alone


def test_removal_in_decode_keeps_what_was_reported(engine):
    alone = ids(run(engine, task(PROMPT, 12))[0])
    one = task(PROMPT, 12)
    engine.insert(one)
    seen = []
    while len(seen) < 5:
        seen += [out.id for out in engine.step(Budget(16)) if isinstance(out, Token)]
    kept = engine.remove(one.sid, True)
    held = kept.tokens.tolist()
    assert held == (PROMPT + seen)[: len(held)]
    assert len(held) >= len(PROMPT)
    kept = kept.cut(len(PROMPT) - 1)
    assert ids(run(engine, task(PROMPT, 12, prefix=kept, cut=len(PROMPT) - 1))[0]) == alone


def test_penalties_see_the_whole_prompt_also_with_a_prefix(engine):
    sampling = SamplerSettings(temperature=0.0, repetition_penalty=1.5, repetition_window=-1, frequency_penalty=0.3)
    alone = ids(run(engine, task(PROMPT, 12, sampling=sampling))[0])
    assert alone != ids(run(engine, task(PROMPT, 12))[0])
    one = task(PROMPT, 2)
    engine.insert(one)
    while not any(isinstance(out, Token) and out.end for out in engine.step(Budget(16))):
        pass
    prefix = engine.remove(one.sid, True).cut(40)
    assert ids(run(engine, task(PROMPT, 12, sampling=sampling, prefix=prefix, cut=40))[0]) == alone


def test_a_bias_forces_a_token(engine):
    sampling = SamplerSettings(temperature=0.0, logit_bias={77: 1000.0})
    assert ids(run(engine, task(PROMPT, 4, sampling=sampling))[0]) == [77] * 4


def test_logprobs_are_those_of_the_model_whatever_the_bias(engine):
    plain = [out for out in run(engine, task(PROMPT, 1, top_logprobs=3))[0] if isinstance(out, Token)]
    sampling = SamplerSettings(temperature=0.0, logit_bias={plain[0].top[1][0]: 1000.0})
    biased = [
        out for out in run(engine, task(PROMPT, 1, top_logprobs=3, sampling=sampling))[0] if isinstance(out, Token)
    ]
    assert plain[0].logprob == pytest.approx(plain[0].top[0][1], abs=1e-5)
    assert biased[0].id == plain[0].top[1][0]
    assert biased[0].logprob == pytest.approx(plain[0].top[1][1], abs=1e-4)
    assert [one[0] for one in biased[0].top] == [one[0] for one in plain[0].top]


class OnlyThese(Guide):
    """Allows the given tokens in order, then the end."""

    def __init__(self, *tokens, eos, fail_at=None):
        self.left = [*tokens, eos]
        self.fail_at = fail_at

    def mask(self):
        if self.fail_at is not None and len(self.left) <= self.fail_at:
            raise RuntimeError("the grammar is lost")
        allowed = np.zeros(1 << 12, dtype=bool)
        allowed[self.left[0]] = True
        return np.packbits(allowed, bitorder="little")

    def accepts(self, token):
        return token == self.left[0]

    def advance(self, token):
        self.left = self.left[1:] or self.left


def test_a_guide_decides_tokens_and_leaves_neighbours_alone(engine):
    free = ids(run(engine, task(PROMPT, 12))[0])
    guided = task(PROMPT, 12, guide=OnlyThese(5, 6, 7, eos=2), eos=frozenset([2]))
    others = [task(PROMPT, 12)] if engine.rows > 1 else []
    outs = run(engine, guided, *others)
    assert ids(outs[0]) == [5, 6, 7, 2]
    assert outs[0][-1].end == "eos"
    assert all(ids(other) == free for other in outs[1:])


def test_a_failing_guide_breaks_its_own_row_only(engine):
    free = ids(run(engine, task(PROMPT, 12))[0])
    guided = task(PROMPT, 12, guide=OnlyThese(5, 6, 7, 8, 9, eos=2, fail_at=3), eos=frozenset([2]))
    others = [task(PROMPT, 12)] if engine.rows > 1 else []
    outs = run(engine, guided, *others)
    assert isinstance(outs[0][-1], Broken)
    assert "the grammar is lost" in outs[0][-1].error
    assert all(ids(other) == free for other in outs[1:])
    assert engine.remove(guided.sid, True) is None


def test_json_of_a_schema_comes_out_of_a_random_model(model, engine):
    llguidance = pytest.importorskip("llguidance")
    tokenizer = model.codec.guide_tokenizer()
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 5},
            "age": {"type": "integer", "minimum": 0, "maximum": 99},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
        "x-guidance": {"whitespace_flexible": False},
    }
    matcher = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema)))

    class Grammar(Guide):
        def mask(self):
            return np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)

        def accepts(self, token):
            return matcher.validate_tokens([token]) == 1

        def advance(self, token):
            matcher.consume_token(token)

    eos = frozenset(model.info.eos)
    outs = run(engine, task(PROMPT, 80, guide=Grammar(), eos=eos))[0]
    assert isinstance(outs[-1], Token)
    text = b"".join(model.codec.piece(token) for token in ids(outs) if token not in eos)
    assert set(json.loads(text)) == {"name", "age"}


@pytest.mark.parametrize("tokens", [[], [-1, 3], [3, 10_000_000]])
def test_what_mlx_would_compute_nonsense_from_is_refused(engine, tokens):
    with pytest.raises(InvalidRequest):
        engine.insert(task(tokens))
    assert len(ids(run(engine, task(PROMPT, 3))[0])) == 3


def test_the_same_seed_gives_the_same_tokens_and_no_seed_others(engine):
    warm = SamplerSettings(temperature=1.5, seed=3)
    first, second = (ids(run(engine, task(PROMPT, 16, sampling=warm))[0]) for _ in range(2))
    assert first == second
    free = SamplerSettings(temperature=1.5)
    assert ids(run(engine, task(PROMPT, 16, sampling=free))[0]) != ids(run(engine, task(PROMPT, 16, sampling=free))[0])


def test_live_bytes_stay_within_cost(engine):
    tasks = [task(PROMPT[: 10 + 10 * index], 20) for index in range(min(4, engine.rows))]
    cost = engine.cost([len(one.tokens) + one.limit for one in tasks])
    for one in tasks:
        engine.insert(one)
    for _ in range(12):
        engine.step(Budget(32))
        assert engine.live_bytes() <= cost
    assert engine.live_bytes() > 0


def test_many_requests_leave_no_memory_behind(engine):
    import mlx.core as mx

    def active():
        gc.collect()
        mx.clear_cache()
        return mx.get_active_memory()

    run(engine, task(PROMPT, 4))
    before = active()
    for _ in range(6):
        run(engine, *(task(PROMPT, 4) for _ in range(min(3, engine.rows))))
    assert active() <= before + 50_000


def test_a_row_that_answers_holds_nothing_of_the_state_that_it_began_from(engine):
    one = task(PROMPT, 2)
    engine.insert(one)
    while not any(isinstance(out, Token) and out.end for out in engine.step(Budget(16))):
        pass
    prefix = engine.remove(one.sid, True).cut(40)
    held = [weakref.ref(part) for part in (prefix, *prefix.caches)]
    longer = task(PROMPT, 30, prefix=prefix, cut=40)
    engine.insert(longer)
    del prefix
    while not any(isinstance(out, Token) for out in engine.step(Budget(16))):
        pass
    gc.collect()
    assert [part() for part in held] == [None] * len(held)
    assert engine.remove(longer.sid, True) is not None


def test_a_step_after_reset_is_silent(engine):
    engine.insert(task(PROMPT))
    engine.step(Budget(16))
    engine.reset()
    assert engine.step(Budget(16)) == []
    assert engine.live_bytes() == 0
