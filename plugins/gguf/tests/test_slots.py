"""Kept state: in its slot, on the host, or gone; and reuse never changes an answer."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from heylook_core.engine import Broken, Budget, SequenceTask, Token
from heylook_core.errors import EngineFailed
from heylook_core.messages import SamplerSettings
from heylook_gguf.engine import GgufEngine
from heylook_gguf.model import GgufModel
from heylook_gguf.slots import Slot
from heylook_gguf.snapshot import GgufSnapshot, Host

pytestmark = pytest.mark.integration

sids = count(1)


@pytest.fixture(scope="module")
def small(tiny: Path, load: Callable[..., GgufModel]) -> Iterator[GgufModel]:
    loaded = load(tiny, slots=2)
    yield loaded
    loaded.close()


@pytest.fixture
def engine(small: GgufModel) -> GgufEngine:
    engine = small.lanes()[0]
    assert isinstance(engine, GgufEngine)
    return engine


def answer(
    engine: GgufEngine, tokens: list[int], limit: int = 8, prefix: GgufSnapshot | None = None, cut: int = 0
) -> tuple[list[int], GgufSnapshot, int]:
    """Generated tokens, the state at the end, and how many prompt tokens had to be computed."""
    task = SequenceTask(
        next(sids), tokens, limit=limit, sampling=SamplerSettings(temperature=0.0), prefix=prefix, cut=cut
    )
    engine.insert(task)
    ids: list[int] = []
    for steps in range(1, len(tokens) + limit + 1):
        for out in engine.step(Budget(1)):
            assert not isinstance(out, Broken), out.error
            if isinstance(out, Token):
                ids.append(out.id)
                if out.end:
                    kept = engine.remove(task.sid, keep=True)
                    assert kept is not None
                    return ids, kept, steps - limit + 1
    raise AssertionError(f"no end after {steps} steps of one token each")


def prompt(start: int, length: int) -> list[int]:
    return [20 + (start * 31 + index * (start + 3)) % 300 for index in range(length)]


def slot_of(snapshot: GgufSnapshot) -> Slot:
    assert isinstance(snapshot.source, Slot)
    return snapshot.source


def test_state_stays_in_its_slot_and_is_continued_there(engine: GgufEngine) -> None:
    ids, kept, _ = answer(engine, prompt(1, 40))
    slot = slot_of(kept)
    longer = [*prompt(1, 40), *ids, *prompt(2, 9)]
    n = len(kept.tokens)
    again, after, computed = answer(engine, longer, prefix=kept.cut(n), cut=n)
    assert computed == len(longer) - n
    assert slot_of(after) is slot
    assert kept.source is slot, "the shorter state is still there, at the beginning of the longer one"
    assert again == answer(engine, longer)[0]


def test_a_snapshot_is_named_by_every_token_that_it_holds_and_no_other(engine: GgufEngine) -> None:
    first, kept, _ = answer(engine, prompt(1, 40))
    held = [*prompt(1, 40), *first[:-1]]
    assert kept.tokens.tolist() == held
    longer = [*held, first[-1], *prompt(2, 9)]
    second, after, _ = answer(engine, longer, prefix=kept.cut(len(held)), cut=len(held))
    assert after.tokens.tolist() == [*longer, *second[:-1]]
    for number in (3, 4, 5):  # both slots are needed: the state goes to the host
        answer(engine, prompt(number, 30))
    third, again, _ = answer(engine, longer, prefix=kept.cut(len(held)), cut=len(held))
    assert (kept.tokens.tolist(), again.tokens.tolist()) == (held, [*longer, *third[:-1]])
    assert third == second


def test_state_leaves_for_the_host_when_its_slot_is_needed_and_comes_back(engine: GgufEngine) -> None:
    ids, kept, _ = answer(engine, prompt(3, 40))
    others = [answer(engine, prompt(start, 30))[1] for start in (4, 5)]
    assert isinstance(kept.source, Host)
    longer = [*prompt(3, 40), *ids, *prompt(6, 9)]
    n = len(kept.tokens)
    again, _, computed = answer(engine, longer, prefix=kept.cut(n), cut=n)
    assert computed == len(longer) - n
    assert again == answer(engine, longer)[0]
    assert others


def test_continuing_from_an_earlier_token_saves_what_others_still_hold(engine: GgufEngine) -> None:
    whole = prompt(7, 50)
    ids, kept, _ = answer(engine, whole)
    edited = [*whole[:30], *prompt(8, 12)]
    answer(engine, edited, prefix=kept.cut(30), cut=30)
    assert isinstance(kept.source, Host)
    longer = [*whole, *ids, *prompt(9, 5)]
    n = len(kept.tokens)
    assert answer(engine, longer, prefix=kept.cut(n), cut=n)[0] == answer(engine, longer)[0]


def test_state_that_nobody_holds_is_not_copied(engine: GgufEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept, _ = answer(engine, prompt(10, 40))
    _, dropped, _ = answer(engine, prompt(11, 40))
    dropped.drop()
    del kept
    gc.collect()
    monkeypatch.setattr(engine._context, "read_state", lambda number: pytest.fail("a dead state was copied"))
    answer(engine, prompt(12, 40))
    answer(engine, prompt(13, 40))


def test_a_short_snapshot_does_not_hold_a_long_buffer(engine: GgufEngine) -> None:
    _, kept, _ = answer(engine, prompt(14, 200))
    short = kept.cut(20)
    assert short is not None
    rest = [answer(engine, prompt(start, 30))[1] for start in (15, 16)]
    assert isinstance(short.source, Host)
    assert isinstance(kept.source, Host)
    assert short.nbytes < kept.nbytes / 5
    assert rest


def test_snapshots_of_about_one_length_share_a_buffer(engine: GgufEngine) -> None:
    _, kept, _ = answer(engine, prompt(17, 60))
    near = kept.cut(50)
    assert near is not None
    rest = [answer(engine, prompt(start, 30))[1] for start in (18, 19)]
    assert near.source is kept.source
    longer = [*prompt(17, 50), *prompt(20, 9)]
    assert answer(engine, longer, prefix=near.cut(50), cut=50)[0] == answer(engine, longer)[0]
    assert rest


def test_bytes_in_place_are_about_those_of_the_copy(engine: GgufEngine) -> None:
    _, kept, _ = answer(engine, prompt(21, 200))
    in_place = kept.nbytes
    rest = [answer(engine, prompt(start, 30))[1] for start in (22, 23)]
    assert isinstance(kept.source, Host)
    assert in_place <= kept.nbytes < 1.1 * in_place
    kept.drop()
    assert kept.nbytes == 0
    assert rest


def test_a_dropped_prefix_costs_time_but_no_correctness(engine: GgufEngine) -> None:
    ids, kept, _ = answer(engine, prompt(24, 40))
    longer = [*prompt(24, 40), *ids, 30]
    kept.drop()
    again, _, computed = answer(engine, longer, prefix=kept, cut=len(kept.tokens))
    assert computed == len(longer)
    assert again == answer(engine, longer)[0]


def test_state_of_before_a_reset_is_not_used(engine: GgufEngine) -> None:
    ids, kept, _ = answer(engine, prompt(25, 40))
    engine.reset()
    longer = [*prompt(25, 40), *ids, 30]
    again, _, computed = answer(engine, longer, prefix=kept.cut(40), cut=40)
    assert computed == len(longer)
    assert again == answer(engine, longer)[0]


@pytest.mark.parametrize("way", ["reset", "drop"])
def test_a_state_that_is_gone_weighs_nothing_and_is_not_exported(engine: GgufEngine, way: str) -> None:
    _, kept, _ = answer(engine, prompt(27, 40))
    half = kept.cut(20)
    assert half is not None
    if way == "reset":
        engine.reset()
    else:
        kept.drop()
        half.drop()
    for gone in (kept, half, half.cut(10)):
        assert gone is not None
        assert gone.nbytes == 0
        with pytest.raises(EngineFailed, match="is gone"):
            gone.export()


def test_stored_tokens_without_state_are_refused(engine: GgufEngine) -> None:
    _, kept, _ = answer(engine, prompt(28, 40))
    header, (tokens, state) = kept.export()
    for damaged in ((header, [tokens, state[:0]]), ({**header, "covered": 0}, [tokens, state])):
        with pytest.raises(EngineFailed, match="no state"):
            engine.restore(*damaged)


def test_a_restored_state_that_does_not_fit_is_computed_again(engine: GgufEngine) -> None:
    ids, kept, _ = answer(engine, prompt(26, 40))
    header, buffers = kept.export()
    damaged = [memoryview(bytes(buffers[0])), memoryview(bytes(buffers[1])[:100])]
    restored = engine.restore(header, damaged)
    assert isinstance(restored, GgufSnapshot)
    longer = [*prompt(26, 40), *ids, 30]
    again, _, computed = answer(engine, longer, prefix=restored, cut=len(restored.tokens))
    assert computed == len(longer)
    assert again == answer(engine, longer)[0]
