"""The engine keeps the contract of token engines, in each of its layouts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from heylook_core.engine import AtMark, Broken, Budget, Engine, Prefilled, SequenceTask, Snapshot, Token
from heylook_core.errors import EngineFailed, InvalidRequest
from heylook_core.messages import SamplerSettings
from heylook_core.testkit.engine_contract import EngineContract
from heylook_gguf.engine import GgufEngine
from heylook_gguf.model import GgufModel

pytestmark = pytest.mark.integration

GREEDY = SamplerSettings(temperature=0.0)
sids = count(1)


def task(tokens: list[int], limit: int = 12, **fields: Any) -> SequenceTask:
    return SequenceTask(next(sids), tokens, limit=limit, sampling=fields.pop("sampling", GREEDY), **fields)


def run(engine: Engine, *tasks: SequenceTask, prefill: int = 64) -> dict[int, list[int]]:
    """Insert what is new, step until all have ended, remove them; returns the tokens by sequence."""
    for new in tasks:
        engine.insert(new)
    ids: dict[int, list[int]] = {new.sid: [] for new in tasks}
    live = set(ids)
    while live:
        for out in engine.step(Budget(prefill)):
            if isinstance(out, Token) and out.sid in live:
                ids[out.sid].append(out.id)
                live -= {out.sid} if out.end else set()
    for new in tasks:
        engine.remove(new.sid, keep=False)
    return ids


def engine_of(model: GgufModel) -> GgufEngine:
    """The engine as what it is, for tests that put a fault into it."""
    (engine,) = model.lanes()
    assert isinstance(engine, GgufEngine)
    return engine


def alone(engine: Engine, tokens: list[int], limit: int = 12) -> list[int]:
    only = task(tokens, limit)
    return run(engine, only)[only.sid]


def text_tokens(model: GgufModel, number: int, length: int) -> list[int]:
    """A prompt of this many tokens, different for each number from its first token on."""
    words = ("fox", "dog", "hound", "wood", "token", "model", "answer", "end")
    text = " ".join(words[(number + index * (number + 1)) % len(words)] for index in range(length))
    return model.codec.encode(f"{number} {text}")[:length]


class TestSlotsOfTheirOwn(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tiny: Path, load: Callable[..., GgufModel]) -> Iterator[GgufModel]:
        loaded = load(tiny)
        yield loaded
        loaded.close()


class TestFewSlots(EngineContract):
    """With four slots, kept state has to leave for the host all the time."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tiny: Path, load: Callable[..., GgufModel]) -> Iterator[GgufModel]:
        loaded = load(tiny, slots=4)
        yield loaded
        loaded.close()


class TestOneSharedCache(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tiny: Path, load: Callable[..., GgufModel]) -> Iterator[GgufModel]:
        loaded = load(tiny, kv_unified=True, n_ctx=1024)
        yield loaded
        loaded.close()


class TestFlashAttentionAndHalfPrecision(EngineContract):
    """The defaults of a model on a processor."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tiny: Path, load: Callable[..., GgufModel]) -> Iterator[GgufModel]:
        loaded = load(tiny, flash_attn=True, type_k="f16", type_v="f16")
        yield loaded
        loaded.close()


class TestStateThatCannotBeCut(EngineContract):
    """As with recurrent layers: the same weights, told that only whole states can be used again."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tiny: Path, load: Callable[..., GgufModel], request: pytest.FixtureRequest) -> Iterator[GgufModel]:
        from heylook_gguf.weights import Weights

        patch = pytest.MonkeyPatch()
        patch.setattr(Weights, "trims", False)
        loaded = load(tiny, slots=4)
        yield loaded
        patch.undo()
        loaded.close()


class TestDemoModel(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, demo: Path, load: Callable[..., GgufModel]) -> Iterator[GgufModel]:
        loaded = load(demo, flash_attn=True, type_k="f16", type_v="f16")
        yield loaded
        loaded.close()


def test_eight_prompts_of_different_lengths_give_the_same_together_and_alone(model: GgufModel) -> None:
    engine = engine_of(model)
    prompts = [text_tokens(model, number, 5 + 23 * number) for number in range(8)]
    expected = [alone(engine, prompt, 24) for prompt in prompts]
    tasks = [task(prompt, 24) for prompt in prompts]
    together = run(engine, *tasks, prefill=48)
    assert [together[each.sid] for each in tasks] == expected


def test_the_shortest_remaining_prompt_is_read_first(model: GgufModel) -> None:
    engine = engine_of(model)
    long, short = task(text_tokens(model, 1, 300), 1), task(text_tokens(model, 2, 20), 1)
    engine.insert(long)
    engine.insert(short)
    outs = engine.step(Budget(100))
    assert [out.sid for out in outs if isinstance(out, Token)] == [short.sid]
    assert [out.done for out in outs if isinstance(out, Prefilled) and out.sid == long.sid] == [64]
    for each in (long, short):
        engine.remove(each.sid, keep=False)


@pytest.mark.parametrize(
    ("budget", "alone", "beside"), [(40, 40, 40), (64, 64, 64), (65, 64, 65), (140, 128, 129), (400, 300, 300)]
)
def test_a_prompt_is_read_in_pieces_that_attention_takes_whole(
    model: GgufModel, budget: int, alone: int, beside: int
) -> None:
    """Beside a running neighbour the first token goes with that one's, and the others fill the tiles."""
    engine = engine_of(model)

    def piece() -> int:
        long = task(text_tokens(model, 1, 300), 1)
        engine.insert(long)
        (done,) = [out.done for out in engine.step(Budget(budget)) if isinstance(out, Prefilled)]
        engine.remove(long.sid, keep=False)
        return done

    assert piece() == alone
    running = task(text_tokens(model, 2, 10), 100)
    engine.insert(running)
    engine.step(Budget(64))
    assert piece() == beside
    engine.remove(running.sid, keep=False)


def test_a_scrap_of_budget_is_not_spent_on_the_next_prompt(model: GgufModel) -> None:
    engine = engine_of(model)
    first, second = task(text_tokens(model, 1, 40), 1), task(text_tokens(model, 2, 41), 1)
    engine.insert(first)
    engine.insert(second)
    begun = [{out.sid for out in engine.step(Budget(50)) if isinstance(out, Prefilled)} for _ in range(2)]
    assert begun == [{first.sid}, {second.sid}]
    for each in (first, second):
        engine.remove(each.sid, keep=False)


def test_a_batch_is_in_the_order_of_the_slots_and_new_rows_sit_beside_others(model: GgufModel) -> None:
    """llama.cpp makes one pass over the weights only for neighbours with rising numbers."""
    engine = engine_of(model)
    tasks = [task(text_tokens(model, number, 30), 30) for number in range(6)]
    for each in tasks:
        engine.insert(each)
    engine.step(Budget(512))
    for each in (tasks[1], tasks[4]):
        engine.remove(each.sid, keep=False)
    later = [task(text_tokens(model, number, 30), 30) for number in (7, 8)]
    for each in later:
        engine.insert(each)
        engine.step(Budget(512))
        batch = engine._context.batch
        held = batch._sequences[: batch.n].tolist()
        assert held == sorted(held)
    assert len(set(held)) == 6
    assert max(held) - min(held) == 5
    for each in (*tasks, *later):
        engine.remove(each.sid, keep=False)


def test_decode_rows_are_served_beside_a_long_prompt_in_every_step(model: GgufModel) -> None:
    engine = engine_of(model)
    first, long = task(text_tokens(model, 1, 8), 30), task(text_tokens(model, 2, 400), 1)
    engine.insert(first)
    engine.step(Budget(64))
    engine.insert(long)
    for _ in range(6):
        outs = engine.step(Budget(16))
        assert [out.sid for out in outs if isinstance(out, Token)] == [first.sid]
        assert sum(isinstance(out, Prefilled) for out in outs) == 1
    for each in (long, first):
        engine.remove(each.sid, keep=False)


def test_a_mark_comes_before_the_first_token_when_it_is_the_prompt_s_end(model: GgufModel) -> None:
    engine = engine_of(model)
    only = task(text_tokens(model, 3, 20), 2, marks=(20,))
    engine.insert(only)
    outs = engine.step(Budget(64))
    assert [type(out) for out in outs] == [Prefilled, AtMark, Token]
    snapshot = engine.snapshot(only.sid)
    assert snapshot is not None
    assert snapshot.tokens.tolist() == only.tokens
    engine.remove(only.sid, keep=False)


def test_an_answer_ends_where_the_context_does(model: GgufModel) -> None:
    engine = engine_of(model)
    only = task(text_tokens(model, 3, 510), 100)
    assert len(run(engine, only, prefill=512)[only.sid]) == 3


def test_a_chunk_of_zero_prompt_tokens_computes_no_prompt(model: GgufModel) -> None:
    engine = engine_of(model)
    only = task(text_tokens(model, 3, 20))
    engine.insert(only)
    assert engine.step(Budget(0)) == []
    engine.remove(only.sid, keep=False)


# ---------------------------------------------------------------------- interruption


def test_interrupt_before_a_step_makes_it_return_at_once_and_is_spent(model: GgufModel) -> None:
    engine = engine_of(model)
    prompt = text_tokens(model, 4, 200)
    expected = alone(engine, prompt)
    only = task(prompt)
    engine.insert(only)
    engine.interrupt()
    assert engine.step(Budget(512)) == []
    assert run_on(engine, only) == expected


def run_on(engine: Engine, only: SequenceTask) -> list[int]:
    """The rest of a sequence that is in the engine already."""
    ids: list[int] = []
    while True:
        for out in engine.step(Budget(64)):
            assert not isinstance(out, Broken), out.error
            if isinstance(out, Token) and out.sid == only.sid:
                ids.append(out.id)
                if out.end:
                    engine.remove(only.sid, keep=False)
                    return ids


def test_an_aborted_computation_leaves_every_row_as_it_was(model: GgufModel) -> None:
    """The interrupt comes between the step's own look at the flag and the computation: no clock is involved."""
    engine = engine_of(model)
    prompts = [text_tokens(model, number, 30 + 100 * number) for number in range(4)]
    expected = [alone(engine, prompt) for prompt in prompts]
    tasks = [task(prompt) for prompt in prompts]
    engine.insert(tasks[0])
    got: dict[int, list[int]] = {each.sid: [] for each in tasks}
    for out in engine.step(Budget(512)):
        if isinstance(out, Token):
            got[out.sid].append(out.id)
    for each in tasks[1:]:
        engine.insert(each)
    compute, aborted = engine._context.decode, []

    def interrupted() -> int:
        engine.interrupt()
        aborted.append(compute())
        return aborted[-1]

    engine._context.decode = interrupted  # type: ignore[method-assign]
    try:
        assert engine.step(Budget(512)) == []
    finally:
        engine._context.decode = compute  # type: ignore[method-assign]
    assert aborted == [2]
    live = set(got)
    while live:
        for out in engine.step(Budget(64)):
            if isinstance(out, Token):
                got[out.sid].append(out.id)
                live -= {out.sid} if out.end else set()
    for each in tasks:
        engine.remove(each.sid, keep=False)
    assert [got[each.sid] for each in tasks] == expected


def test_interrupts_at_any_moment_change_no_text(model: GgufModel) -> None:
    engine = engine_of(model)
    prompts = [text_tokens(model, number, 40 + 60 * number) for number in range(6)]
    expected = [alone(engine, prompt) for prompt in prompts]

    def disturb() -> None:
        for _ in range(100):
            time.sleep(0.002)
            engine.interrupt()

    thread = threading.Thread(target=disturb)
    thread.start()
    tasks = [task(prompt) for prompt in prompts]
    got = run(engine, *tasks, prefill=48)
    thread.join()
    assert [got[each.sid] for each in tasks] == expected


def test_a_row_removed_in_the_middle_of_its_prompt_frees_its_slot_at_once(model: GgufModel) -> None:
    engine = engine_of(model)
    rows = [task(text_tokens(model, number, 200)) for number in range(engine.rows)]
    for each in rows:
        engine.insert(each)
    engine.step(Budget(64))
    engine.remove(rows[3].sid, keep=False)
    after = task(text_tokens(model, 9, 12))
    engine.insert(after)
    sids_seen = {out.sid for out in engine.step(Budget(64))}
    assert after.sid in sids_seen
    assert rows[3].sid not in sids_seen
    for each in (*rows, after):
        engine.remove(each.sid, keep=False)


# ---------------------------------------------------------------------- refusals and faults


@pytest.mark.parametrize("tokens", [[], [-1], [10**6], [5] * 513])
def test_a_prompt_that_llama_cpp_would_refuse_is_refused_at_insert(model: GgufModel, tokens: list[int]) -> None:
    with pytest.raises(InvalidRequest):
        model.lanes()[0].insert(task(tokens))


def test_more_rows_than_slots_are_refused(model: GgufModel) -> None:
    engine = engine_of(model)
    rows = [task([5, 6, 7]) for _ in range(engine.rows)]
    for each in rows:
        engine.insert(each)
    with pytest.raises(EngineFailed):
        engine.insert(task([5, 6, 7]))
    for each in rows:
        engine.remove(each.sid, keep=False)


def test_only_the_row_that_llama_cpp_refuses_breaks(model: GgufModel) -> None:
    engine = engine_of(model)
    prompts = [text_tokens(model, number, 20) for number in range(3)]
    expected = [alone(engine, prompt) for prompt in prompts]
    good, bad = [task(prompt) for prompt in prompts], task([5, 6, 7, 8])
    for each in (good[0], bad, good[1], good[2]):
        engine.insert(each)
    bad.tokens[2] = 10**6
    got: dict[int, list[int]] = {each.sid: [] for each in good}
    broken: list[int] = []
    while any(len(got[each.sid]) < 12 for each in good):
        for out in engine.step(Budget(256)):
            if isinstance(out, Token):
                got[out.sid].append(out.id)
            elif isinstance(out, Broken):
                broken.append(out.sid)
    for each in good:
        engine.remove(each.sid, keep=False)
    assert broken == [bad.sid]
    assert [got[each.sid] for each in good] == expected


def test_a_context_that_computes_nothing_any_more_is_an_error_and_reset_mends_it(
    tiny: Path, load: Callable[..., GgufModel]
) -> None:
    fresh = load(tiny, slots=2)
    engine = engine_of(fresh)
    prompt = text_tokens(fresh, 1, 20)
    expected = alone(engine, prompt)
    engine.insert(task(prompt))
    engine.insert(task(prompt))
    engine._context.decode = lambda: -3  # type: ignore[method-assign]
    with pytest.raises(EngineFailed):
        engine.step(Budget(64))
    engine.reset()
    assert alone(engine, prompt) == expected
    fresh.close()


def test_rows_of_a_shared_cache_wait_until_what_they_reserve_is_free(
    tiny: Path, load: Callable[..., GgufModel]
) -> None:
    shared = load(tiny, kv_unified=True, n_ctx=512, slots=4)
    engine = engine_of(shared)
    prompts = [text_tokens(shared, number, 200) for number in range(4)]
    expected = [alone(engine, prompt, 20) for prompt in prompts]
    tasks = [task(prompt, 20) for prompt in prompts]
    for each in tasks:
        engine.insert(each)
    started = {out.sid for out in engine.step(Budget(2048))}
    assert started == {tasks[0].sid, tasks[1].sid}
    got: dict[int, list[int]] = {each.sid: [] for each in tasks}
    for each in tasks:
        engine.remove(each.sid, keep=False)
    again = [task(prompt, 20) for prompt in prompts]
    for each in again:
        engine.insert(each)
    got = {each.sid: [] for each in again}
    live = set(got)
    while live:
        for out in engine.step(Budget(256)):
            if isinstance(out, Token):
                got[out.sid].append(out.id)
                if out.end:
                    live.discard(out.sid)
                    engine.remove(out.sid, keep=False)
    assert [got[each.sid] for each in again] == expected
    shared.close()


def test_state_that_fills_a_shared_cache_makes_room_for_rows(tiny: Path, load: Callable[..., GgufModel]) -> None:
    shared = load(tiny, kv_unified=True, n_ctx=512, slots=4)
    engine = engine_of(shared)
    prompts = [text_tokens(shared, number, 200) for number in range(4)]
    expected = [alone(engine, prompt, 20) for prompt in prompts]
    kept: list[Snapshot | None] = []
    for prompt in prompts:
        only = task(prompt, 1)
        engine.insert(only)
        engine.step(Budget(512))
        kept.append(engine.remove(only.sid, keep=True))
    for prompt, snapshot, answer in zip(prompts, kept, expected, strict=True):
        assert snapshot is not None
        again = task(prompt, 20, prefix=snapshot.cut(199), cut=199)
        assert run(engine, again)[again.sid] == answer
    shared.close()
