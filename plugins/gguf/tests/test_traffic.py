"""Random traffic: rows come, go, are cancelled and interrupted, over a cache that forgets; nothing leaks or mixes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from heylook_core.engine import AtMark, Budget, SequenceTask, Token
from heylook_core.messages import SamplerSettings
from heylook_core.prefix.cache import PrefixCache
from heylook_gguf.engine import GgufEngine
from heylook_gguf.model import GgufModel

pytestmark = pytest.mark.integration


class Traffic:
    """Conversations over an engine, with every answer held against what a cold run gave for the same prompt."""

    def __init__(self, engine: GgufEngine, seed: int, budget: int) -> None:
        self.engine = engine
        self.chance = random.Random(seed)
        self.cache = PrefixCache(budget, engine._trims)
        self.talks = [self.words(20) for _ in range(5)]
        self.live: dict[int, tuple[SequenceTask, list[int]]] = {}
        self.answers: list[tuple[list[int], list[int]]] = []
        self.reused = 0
        self.next = 1

    def words(self, most: int) -> list[int]:
        return [self.chance.randrange(4, 300) for _ in range(self.chance.randint(2, most))]

    def join(self) -> None:
        talk = self.chance.choice(self.talks)
        prompt = [*talk[: self.chance.randint(1, len(talk))], *self.words(30)][-400:]
        hit = self.cache.find(prompt)
        self.reused += hit.n
        marks = tuple(sorted({mark for mark in (len(prompt) // 2, len(prompt)) if mark > hit.n}))
        settings = SamplerSettings(temperature=0.0)
        task = SequenceTask(self.next, prompt, limit=8, sampling=settings, prefix=hit.snapshot, cut=hit.n, marks=marks)
        self.next += 1
        self.live[task.sid] = task, []
        self.engine.insert(task)

    def leave(self, sid: int) -> None:
        task, _ = self.live.pop(sid)
        snapshot = self.engine.remove(sid, keep=self.chance.random() < 0.8)
        if snapshot is not None:
            assert snapshot.tokens.tolist()[: len(task.tokens)] == task.tokens[: len(snapshot.tokens)]
            self.cache.keep(snapshot)

    def turn(self) -> None:
        if len(self.live) < self.engine.rows and self.chance.random() < 0.6:
            self.join()
        if self.chance.random() < 0.05:
            self.engine.interrupt()
        if self.live and self.chance.random() < 0.05:
            self.leave(self.chance.choice(list(self.live)))
        for out in self.engine.step(Budget(self.chance.choice((1, 7, 32, 128)))):
            if isinstance(out, AtMark):
                snapshot = self.engine.snapshot(out.sid)
                assert snapshot is not None
                self.cache.keep(snapshot)
            elif isinstance(out, Token):
                self.token(out)
        self.check()

    def token(self, out: Token) -> None:
        task, ids = self.live[out.sid]
        ids.append(out.id)
        if out.end is not None:
            self.answers.append((task.tokens, ids))
            self.talks[self.chance.randrange(5)] = [*task.tokens, *ids][-300:]
            self.leave(out.sid)

    def check(self) -> None:
        """What the slots say they hold is what llama.cpp holds, and busy slots are those of live rows."""
        slots = self.engine._slots._slots
        for slot in slots:
            assert self.engine._context.length(slot.number) == len(slot.tokens)
            for view in slot.views:
                assert view.tokens.tolist() == slot.tokens[: len(view.tokens)]
        seated = [row.slot for row in self.engine._rows.values() if row.slot is not None]
        assert {id(slot) for slot in slots if slot.busy} == {id(slot) for slot in seated}
        assert len(self.engine._rows) == len(self.live)


@pytest.mark.parametrize("layout", [{}, {"slots": 2}, {"kv_unified": True, "n_ctx": 1024}])
@pytest.mark.parametrize("budget", [64 << 20, 200_000])
def test_random_traffic(tiny: Path, load: Callable[..., GgufModel], layout: dict[str, int], budget: int) -> None:
    model = load(tiny, **{"slots": 5, **layout})
    (engine,) = model.lanes()
    assert isinstance(engine, GgufEngine)
    traffic = Traffic(engine, seed=len(layout) + budget, budget=budget)
    for _ in range(400):
        traffic.turn()
    for sid in list(traffic.live):
        traffic.leave(sid)
    traffic.cache.clear()
    assert engine.live_bytes() == 0
    assert len(traffic.answers) > 20
    assert traffic.reused > 500
    for number, (prompt, ids) in enumerate(traffic.answers[:40]):
        assert cold(engine, -1 - number, prompt) == ids
    model.close()


def cold(engine: GgufEngine, sid: int, prompt: list[int]) -> list[int]:
    engine.insert(SequenceTask(sid, prompt, limit=8, sampling=SamplerSettings(temperature=0.0)))
    ids: list[int] = []
    while len(ids) < 8:
        ids += [out.id for out in engine.step(Budget(512)) if isinstance(out, Token)]
    engine.remove(sid, keep=False)
    return ids
