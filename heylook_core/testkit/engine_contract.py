"""What every token engine promises, as tests. Inherit, and give a loaded model.

    class TestMyEngine(EngineContract):
        @pytest.fixture(scope="class")
        @classmethod
        def model(cls):
            model = MyProvider(spec, config).load()
            yield model
            model.close()

The engine is driven as the core's turn loop drives it, on the test's own thread.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import count

import pytest

from heylook_core.engine import AtMark, Budget, Engine, SequenceTask, Snapshot, Token
from heylook_core.messages import SamplerSettings
from heylook_core.prefix.cache import PrefixCache
from heylook_core.provider import Model
from heylook_core.testkit.answers import Answer
from heylook_core.vision import MediaSpan

GREEDY = SamplerSettings(temperature=0.0)
PANGRAM = "the quick brown fox jumps over the lazy dog and runs far away from every hound"
_sids = count(1_000_000)


class Running:
    """One sequence under test: its tokens and their log-probabilities so far, and how it ended."""

    def __init__(self, task: SequenceTask) -> None:
        self.task = task
        self.sid = task.sid
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.leads: list[float] = []
        self.end: str | None = None
        self.marks: list[int] = []

    @property
    def answer(self) -> Answer:
        """For comparisons up to near ties, if it was inserted with `top_logprobs` of 2 or more."""
        return Answer(self.ids, self.leads)

    def take(self, token: Token) -> None:
        assert self.end is None, "a token came after the end"
        self.ids.append(token.id)
        self.logprobs.append(token.logprob)
        self.leads.append(token.top[0][1] - token.top[1][1] if len(token.top) > 1 else math.inf)
        self.end = token.end


class Drive:
    """Steps an engine and sorts what comes out by sequence."""

    def __init__(self, engine: Engine, prefill: int = 16) -> None:
        self.engine = engine
        self.prefill = prefill
        self.running: dict[int, Running] = {}

    def insert(
        self,
        tokens: Sequence[int],
        limit: int = 12,
        *,
        sampling: SamplerSettings = GREEDY,
        eos: frozenset[int] = frozenset(),
        prefix: Snapshot | None = None,
        cut: int = 0,
        marks: tuple[int, ...] = (),
        top_logprobs: int | None = None,
        media: tuple[MediaSpan, ...] = (),
    ) -> Running:
        task = SequenceTask(
            next(_sids),
            list(tokens),
            limit=limit,
            sampling=sampling,
            eos=eos,
            prefix=prefix,
            cut=cut,
            marks=marks,
            top_logprobs=top_logprobs,
            media=media,
        )
        self.engine.insert(task)
        running = self.running[task.sid] = Running(task)
        return running

    def step(self) -> list[Snapshot]:
        """One turn; returns the snapshots taken at marks."""
        taken: list[Snapshot] = []
        for out in self.engine.step(Budget(self.prefill)):
            running = self.running[out.sid]
            if isinstance(out, Token):
                running.take(out)
            elif isinstance(out, AtMark):
                running.marks.append(out.n)
                snapshot = self.engine.snapshot(out.sid)
                if snapshot is not None:
                    assert snapshot.tokens.tolist() == running.task.tokens[: out.n]
                    taken.append(snapshot)
        return taken

    def finish(self, *wanted: Running, steps: int = 2000) -> None:
        """Step until these (or all) have ended."""
        for _ in range(steps):
            if all(running.end is not None for running in wanted or self.running.values()):
                return
            self.step()
        raise AssertionError("the sequences did not end")

    def remove(self, running: Running, keep: bool = True) -> Snapshot | None:
        del self.running[running.sid]
        return self.engine.remove(running.sid, keep)


class EngineContract:
    """Overridable: `prompts` (token lists, at least 8, of different lengths), `vocabulary` for random scripts."""

    prefill_chunk = 16
    script_rounds = 12

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> Model:
        raise NotImplementedError("give a loaded model")

    @pytest.fixture
    def engine(self, model: Model) -> Engine:
        return model.lanes()[0]

    @pytest.fixture
    def drive(self, engine: Engine):  # type: ignore[no-untyped-def]
        drive = Drive(engine, self.prefill_chunk)
        yield drive
        for running in list(drive.running.values()):
            drive.remove(running, keep=False)

    @pytest.fixture(scope="class")
    @classmethod
    def prompts(cls, model: Model) -> list[list[int]]:
        words = PANGRAM.split()
        return [model.codec.encode(" ".join(words[: 2 + index] * (1 + index % 3))) for index in range(8)]

    def serial(self, drive: Drive, prompt: Sequence[int], limit: int = 12) -> list[int]:
        """What this prompt gives when it runs alone and nothing is reused."""
        running = drive.insert(prompt, limit)
        drive.finish(running)
        drive.remove(running, keep=False)
        return running.ids

    def test_limit_ends_a_sequence(self, drive: Drive, prompts: list[list[int]]) -> None:
        running = drive.insert(prompts[0], 5)
        drive.finish()
        assert len(running.ids) == 5
        assert running.end == "length"

    def test_an_end_token_ends_a_sequence(self, drive: Drive, prompts: list[list[int]]) -> None:
        ids = self.serial(drive, prompts[1], 8)
        running = drive.insert(prompts[1], 8, eos=frozenset(ids[3:4]))
        drive.finish()
        assert running.end == "eos"
        assert running.ids == ids[: ids.index(ids[3]) + 1]

    def test_insert_computes_nothing_and_a_removed_row_is_silent(self, drive: Drive, prompts: list[list[int]]) -> None:
        running = drive.insert(prompts[0])
        drive.remove(running, keep=False)
        other = drive.insert(prompts[1])
        drive.finish()
        assert other.end == "length"

    def test_batched_equals_serial(self, drive: Drive, engine: Engine, prompts: list[list[int]]) -> None:
        prompts = prompts[: engine.rows]
        alone = [self.serial(drive, prompt) for prompt in prompts]
        together = [drive.insert(prompt) for prompt in prompts]
        drive.finish()
        assert [running.ids for running in together] == alone

    def test_inserting_midway_changes_nobody(self, drive: Drive, engine: Engine, prompts: list[list[int]]) -> None:
        if engine.rows < 3:
            pytest.skip("this engine runs fewer than three rows")
        alone = [self.serial(drive, prompt, 16) for prompt in prompts[:3]]
        first = drive.insert(prompts[0], 16)
        for _ in range(4):
            drive.step()
        second = drive.insert(prompts[1], 16)
        drive.step()
        third = drive.insert(prompts[2], 16)
        drive.finish()
        assert [first.ids, second.ids, third.ids] == alone

    def test_removing_midway_changes_nobody(self, drive: Drive, engine: Engine, prompts: list[list[int]]) -> None:
        if engine.rows < 2:
            pytest.skip("this engine runs one row")
        alone = self.serial(drive, prompts[2], 16)
        victim, stays = drive.insert(prompts[7], 16), drive.insert(prompts[2], 16)
        while len(stays.ids) < 3:
            drive.step()
        drive.remove(victim, keep=True)
        drive.finish()
        assert stays.ids == alone

    def test_a_row_removed_in_prefill_keeps_what_it_read(self, drive: Drive, prompts: list[list[int]]) -> None:
        prompt = (prompts[7] * 20)[:200]
        alone = self.serial(drive, prompt)
        running = drive.insert(prompt)
        drive.step()
        snapshot = drive.remove(running, keep=True)
        if snapshot is None:
            return
        held = snapshot.tokens.tolist()
        assert held == prompt[: len(held)]
        assert len(held) < len(prompt)
        again = drive.insert(prompt, prefix=snapshot, cut=len(held))
        drive.finish()
        assert again.ids == alone

    def test_the_caller_s_prompt_is_not_changed(self, drive: Drive, prompts: list[list[int]]) -> None:
        mine = list(prompts[3])
        running = drive.insert(mine)
        drive.finish()
        drive.remove(running)
        assert mine == prompts[3]

    def test_state_after_the_end_covers_prompt_and_answer(self, drive: Drive, prompts: list[list[int]]) -> None:
        running = drive.insert(prompts[4])
        drive.finish()
        snapshot = drive.remove(running)
        assert snapshot is not None
        held = snapshot.tokens.tolist()
        whole = prompts[4] + running.ids
        assert held == whole[: len(held)]
        assert len(held) >= len(prompts[4])
        assert snapshot.nbytes > 0

    def test_marks_stop_where_they_are_asked_for(self, drive: Drive, prompts: list[list[int]]) -> None:
        prompt = (prompts[7] * 10)[:80]
        alone = self.serial(drive, prompt)
        running = drive.insert(prompt, marks=(20, 50, 79))
        taken: list[Snapshot] = []
        while running.end is None:
            taken += drive.step()
        assert running.marks == [20, 50, 79]
        assert running.ids == alone
        drive.remove(running)
        for snapshot in taken:
            n = len(snapshot.tokens)
            forked = drive.insert(prompt, prefix=snapshot, cut=n)
            drive.finish(forked)
            assert forked.ids == alone
            drive.remove(forked)

    def test_one_snapshot_serves_many(self, drive: Drive, engine: Engine, prompts: list[list[int]]) -> None:
        shared = (prompts[6] * 5)[:60]
        tails = [[*shared, *prompts[index][:5]] for index in range(min(3, engine.rows))]
        alone = [self.serial(drive, tail) for tail in tails]
        source = drive.insert(shared, 4)
        drive.finish()
        snapshot = drive.remove(source)
        assert snapshot is not None
        n = len(shared)
        cuts = [snapshot.cut(n) for _ in tails]
        if any(cut is None for cut in cuts):
            pytest.skip("this model's state cannot be cut")
        together = [drive.insert(tail, prefix=cut, cut=n) for tail, cut in zip(tails, cuts, strict=True)]
        drive.finish()
        assert [running.ids for running in together] == alone

    def test_reuse_equals_cold_in_random_scripts(self, model: Model, drive: Drive, prompts: list[list[int]]) -> None:
        """Turns, edits, regenerations and cancellations over one cache: every answer as if nothing was kept."""
        chance = random.Random(7)
        cache = PrefixCache(64 << 20, model.info.trims)
        history = list(prompts[5])
        hits = 0
        for _ in range(self.script_rounds):
            prompt = self._next_prompt(chance, history, prompts)
            cold = self.serial(drive, prompt, 6)
            hit = cache.find(prompt)
            hits += hit.n > 0
            running = drive.insert(prompt, 6, prefix=hit.snapshot, cut=hit.n)
            if chance.random() < 0.25:
                drive.step()
                history = prompt
            else:
                drive.finish(running)
                assert running.ids == cold
                history = prompt + running.ids
            kept = drive.remove(running)
            if kept is not None:
                cache.keep(kept)
        assert hits >= (self.script_rounds // 4 if model.info.trims else 1)
        cache.clear()

    def _next_prompt(self, chance: random.Random, history: list[int], prompts: list[list[int]]) -> list[int]:
        kind = chance.choice(("turn", "turn", "turn", "edit", "again", "new"))
        if kind == "turn":
            return (history + chance.choice(prompts))[-160:] if len(history) > 120 else history + chance.choice(prompts)
        if kind == "edit":
            at = chance.randrange(1, len(history))
            return [*history[:at], *chance.choice(prompts)]
        return list(history) if kind == "again" else list(chance.choice(prompts))

    def test_seeded_sampling_is_reproducible_in_any_company(
        self, drive: Drive, engine: Engine, prompts: list[list[int]]
    ) -> None:
        sampling = SamplerSettings(temperature=1.0, top_p=0.95, seed=11)
        alone = drive.insert(prompts[0], sampling=sampling)
        drive.finish()
        drive.remove(alone, keep=False)
        company = [drive.insert(prompt) for prompt in prompts[1 : min(4, engine.rows)]]
        again = drive.insert(prompts[0], sampling=sampling)
        drive.finish(again, *company)
        assert again.ids == alone.ids

    def test_logprobs_come_when_asked_for(self, model: Model, drive: Drive, prompts: list[list[int]]) -> None:
        if "logprobs" not in model.info.capabilities:
            pytest.skip("this model has no logprobs")
        running = drive.insert(prompts[0], 3, top_logprobs=4)
        tokens: list[Token] = []
        while running.end is None:
            for out in drive.engine.step(Budget(16)):
                if isinstance(out, Token):
                    tokens.append(out)
                    running.end = out.end
        assert all(token.logprob <= 1e-6 for token in tokens)
        for token in tokens:
            assert len(token.top) == 4
            values = [logprob for _, logprob in token.top]
            assert values == sorted(values, reverse=True)
            assert token.logprob <= values[0] + 1e-4

    def test_export_and_restore_give_the_same_state(self, drive: Drive, prompts: list[list[int]]) -> None:
        running = drive.insert(prompts[6], 4)
        drive.finish()
        snapshot = drive.remove(running)
        assert snapshot is not None
        try:
            header, buffers = snapshot.export()
        except NotImplementedError:
            pytest.skip("this engine does not export")
        prompt = snapshot.tokens.tolist() + prompts[0]
        alone = self.serial(drive, prompt)
        restored = drive.engine.restore(header, [memoryview(bytes(buffer)) for buffer in buffers])
        again = drive.insert(prompt, prefix=restored, cut=len(restored.tokens))
        drive.finish()
        assert again.ids == alone

    def test_reset_forgets_everything_and_works_again(self, drive: Drive, prompts: list[list[int]]) -> None:
        alone = self.serial(drive, prompts[0])
        drive.insert(prompts[1])
        drive.step()
        drive.engine.reset()
        drive.running.clear()
        assert self.serial(drive, prompts[0]) == alone

    def test_interrupt_from_another_thread_harms_nobody(self, drive: Drive, prompts: list[list[int]]) -> None:
        import threading

        alone = self.serial(drive, prompts[7] * 3)
        running = drive.insert(prompts[7] * 3)
        caller = threading.Thread(target=drive.engine.interrupt)
        caller.start()
        drive.finish()
        caller.join()
        assert running.ids == alone

    def test_cost_grows_with_length_and_rows(self, engine: Engine) -> None:
        assert 0 < engine.cost([100]) <= engine.cost([200])
        assert engine.cost([100]) < engine.cost([100, 100])

    def test_rows_leave_no_live_bytes(self, drive: Drive, engine: Engine, prompts: list[list[int]]) -> None:
        running = drive.insert(prompts[0])
        drive.finish()
        drive.remove(running, keep=False)
        assert engine.live_bytes() == 0
