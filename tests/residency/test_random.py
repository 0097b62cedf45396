"""Residency under thousands of random requests, loads, failures, deaths, expiries and evictions.

The workers are simulated, on a clock that jumps (see `simulation`), so that every interleaving is tried quickly and
each failure can be had again by its seed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import msgspec
import pytest

from heylook_core.errors import HeylookError
from heylook_core.plugins import Plugins
from heylook_core.provider import Estimate
from heylook_core.residency import Residency
from heylook_core.settings import ModelEntry, ServerSettings, Settings

from .simulation import JumpingLoop, Memory, SimulatedChannel, Work, ended

BUDGET = 1000
CLIENTS = 8
REQUESTS = 40
SEEDS = range(10)
HOURS = 100 * 3600.0


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def entries(chance: random.Random) -> list[ModelEntry]:
    """Models of every kind: one is pinned, one fails often, one can never fit."""
    made = []
    for number in range(7):
        config: dict[str, Any] = {"weights": chance.randint(50, 400), "load": chance.uniform(0, 20)}
        kind = chance.choice(("grows", "allocated", "none"))
        if kind != "none":
            config["floor" if kind == "grows" else "allocated"] = chance.randint(10, 150)
        config["fails"] = 0.6 if number == 1 else 0.05
        stay = chance.choice((None, 0.0, 30.0, "10m"))
        made.append(ModelEntry(id=f"m{number}", provider="x", config=config, keep_alive=stay))
    small = {"weights": 60, "floor": 20, "load": 1.0}
    large = {"weights": 2 * BUDGET, "load": 1.0}
    return [
        *made,
        ModelEntry(id="pinned", provider="x", pin=True, config=small),
        ModelEntry(id="large", provider="x", config=large),
    ]


class Life:
    """One server's life: clients that ask, and an administrator who interferes. `told` is what estimates say of 1.0."""

    def __init__(self, seed: int, told: float) -> None:
        self.chance = random.Random(seed)
        self.entries = {entry.id: entry for entry in entries(self.chance)}
        self.memory = Memory(BUDGET if told == 1.0 else None)
        self.told = told
        self.answered = 0
        self.refused = 0
        self.plugins = Plugins()
        self.settings = Settings(
            memory_budget=BUDGET,
            max_loaded_models=self.chance.randint(3, 9),
            prefix_cache_bytes=self.chance.choice((0, 50, 1000)),
            server=ServerSettings(load_timeout=120.0, load_backoff=5.0),
        )
        loop = asyncio.get_running_loop()
        self.residency = Residency(self.settings, self.plugins, self.channel, self.estimate, loop.time)

    def channel(self, entry: ModelEntry, on_turn: Any, on_lost: Any) -> SimulatedChannel:
        return SimulatedChannel(entry, on_turn, on_lost, self.memory, self.chance)

    async def estimate(self, entry: ModelEntry) -> Estimate | None:
        await asyncio.sleep(self.chance.uniform(0, 0.1))
        config = entry.config
        kv = config.get("floor", 0) + config.get("allocated", 0)
        return Estimate(weights=round(config["weights"] * self.told), kv=round(kv * self.told))

    # ------------------------------------------------------------------ who does what

    async def whole(self) -> None:
        self.residency.start()
        admin = asyncio.create_task(self.administrator())
        async with asyncio.timeout(HOURS):
            await asyncio.gather(*(self.client() for _ in range(CLIENTS)))
            admin.cancel()
            await self.settled()
        for worker in self.memory.workers:
            worker.closing = True
        assert await self.residency.close(10.0)
        assert (self.memory.held, self.residency.states()) == (0, [])
        assert self.answered + self.refused == CLIENTS * REQUESTS

    async def client(self) -> None:
        for _ in range(REQUESTS):
            await asyncio.sleep(self.chance.choice((0, 0, 0.1, 1, 20)))
            name = self.chance.choice(list(self.entries))
            try:
                async with asyncio.timeout(self.chance.choice((0.5, 10, None, None, None))):
                    await self.ask(self.entries[name])
                self.answered += 1
            except (HeylookError, TimeoutError):
                self.refused += 1

    async def ask(self, entry: ModelEntry) -> None:
        resident = await self.residency.acquire(entry, self.chance.choice((None, None, 0.0, 5.0)))
        share = self.chance.choice((0.1, 0.5, 1.0, 1.0, 3.0, 12.0))
        work = Work(max(round(share * entry.config.get("floor", 20)), 1), self.chance.choice((0.01, 1, 30)))
        work.done.add_done_callback(lambda done: ended(done, self.residency, resident))
        resident.channel.submit(work)
        await asyncio.shield(work.done)

    async def administrator(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(0, 30))
            name = self.chance.choice(list(self.entries))
            resident = self.residency.resident(name)
            match self.chance.randrange(6):
                case 0:
                    await self.residency.unload(name)
                case 1:
                    await self.residency.dismiss(name)
                case 2:
                    self.residency.forgive(name)
                case 3 if resident is not None and resident.state == "ready" and name != "pinned":
                    resident.channel.crash()
                case 4:
                    self.change(name)
                    await self.residency.adopt(self.settings, self.entries)
                case _:
                    await self.residency.refreshed(0.1)

    def change(self, name: str) -> None:
        config = {**self.entries[name].config, "load": self.chance.uniform(0, 20)}
        self.entries[name] = msgspec.structs.replace(self.entries[name], config=config)

    async def settled(self) -> None:
        """Nothing runs, every lease is confirmed, whoever was to leave has left."""
        await asyncio.sleep(300)
        assert all(state.in_flight == 0 for state in self.residency.states())
        budget, reserved = await self.residency.budget()
        assert self.memory.held <= reserved <= budget == BUDGET


def live(seed: int, told: float) -> Life:
    async def whole() -> Life:
        life = Life(seed, told)
        await life.whole()
        return life

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(whole())


@pytest.mark.parametrize("seed", SEEDS)
def test_never_above_the_budget_never_unloaded_in_use_and_everybody_is_answered(seed: int) -> None:
    life = live(seed, 1.0)
    assert life.memory.most <= BUDGET
    assert life.answered > CLIENTS * REQUESTS // 4


@pytest.mark.parametrize("seed", SEEDS)
def test_where_models_are_larger_than_estimated_the_next_eviction_brings_memory_back(seed: int) -> None:
    life = live(seed, 1 / 1.2)
    assert life.memory.most <= BUDGET * 1.25
    assert life.answered > CLIENTS * REQUESTS // 4


def test_a_seed_is_repeated_exactly() -> None:
    one, other = live(3, 1.0), live(3, 1.0)
    assert (one.answered, one.refused, one.memory.most) == (other.answered, other.refused, other.memory.most)
