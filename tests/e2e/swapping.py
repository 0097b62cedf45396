"""Clients of two models of which only one may be in memory: every answer is compared, memory is measured at rest.

`scripts/soak swap` runs this for 500 swaps.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import combinations
from statistics import median
from typing import Any

import httpx
from traffic import CLIENTS

import heylook_demo_model
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import ServerProcess
from heylook_demo_model.prompts import proven

KINDS = ("fact", "recall", "count", "system")
WARM = 4
SLACK = 1.05


def installed() -> list[str]:
    return [name for name in ("mlx", "gguf") if find_spec(f"heylook_{name}") is not None]


def settings(*providers: str) -> Settings:
    """The demo model once for each provider, as `mlx-0`, `gguf-1` and so on; one at a time."""
    models = tuple(_entry(provider, number) for number, provider in enumerate(providers))
    return Settings(models=models, max_loaded_models=1, server=ServerSettings(port=0))


def _entry(provider: str, number: int) -> ModelEntry:
    path = heylook_demo_model.mlx_path() if provider == "mlx" else heylook_demo_model.gguf_path()
    config: dict[str, Any] = {"model_path": str(path), "max_concurrency": 4}
    if provider == "gguf":
        exact = {"n_threads": 1, "flash_attn": False, "type_k": "f32", "type_v": "f32"}
        config |= {"slots": 4, "n_ctx": 1024, "n_gpu_layers": 0, **exact}
    return ModelEntry(id=f"{provider}-{number}", provider=provider, config=config)


@dataclass
class Swaps:
    """What happened: loads, answers, and resident bytes of the server itself, at rest, by the model that was loaded."""

    loads: int = 0
    answers: int = 0
    memory: dict[str, list[int]] = field(default_factory=dict)

    def growth(self, model: str) -> float:
        """The last third of the samples as a part of the first, by their medians, after some to warm up.

        Under load a sample is off by a twentieth either way: what lies unused between what is in use comes and goes.
        """
        samples = self.memory[model][WARM:] or self.memory[model]
        third = max(len(samples) // 3, 1)
        return median(samples[-third:]) / median(samples[:third])

    @property
    def flat(self) -> bool:
        return all(self.growth(model) <= SLACK for model in self.memory)


def slope(samples: Sequence[int]) -> float:
    """Bytes from one sample to the next: the median over all pairs (Theil and Sen), which outliers do not move."""
    return median(
        (samples[late] - samples[early]) / (late - early) for early, late in combinations(range(len(samples)), 2)
    )


def own_bytes(pid: int) -> int:
    """Resident memory of a process without its children, which take theirs along when they end."""
    return int(_ps("-o", "rss=", "-p", str(pid))) * 1024


def children(pid: int) -> int:
    """How many processes it has started that are still there."""
    return _ps("-A", "-o", "ppid=").split().count(str(pid))


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=True).stdout


async def alternating(server: ServerProcess, models: list[str], turns: int) -> dict[str, list[int]]:
    """One request at a time, each to the model that is not loaded; bytes of the server after each, by model.

    Nothing else goes on, so that samples lie within a hundredth of each other.
    """
    memory: dict[str, list[int]] = {model: [] for model in models}
    prompt = proven("fact")[0]
    async with httpx.AsyncClient(base_url=server.url, timeout=300) as http:
        for _ in range(turns):
            for model, samples in memory.items():
                assert await _ask(http, model, prompt.messages, False) == prompt.answer
                samples.append(own_bytes(server.process.pid))
    return memory


async def swapping(server: ServerProcess, models: list[str], more: Callable[[Swaps], bool], seed: int = 0) -> Swaps:
    """Rounds of `CLIENTS` clients, each of which asks both models, half of them the one first and half the other.

    Raises AssertionError for a wrong answer.
    """
    swaps = Swaps()
    limits = httpx.Limits(max_connections=2 * CLIENTS)
    async with httpx.AsyncClient(base_url=server.url, timeout=300, limits=limits) as http:

        async def client(number: int, turn: int) -> None:
            chance = random.Random(f"{seed} {turn} {number}")
            for step in range(2):
                await asyncio.sleep(chance.uniform(0, 0.02))
                prompt = chance.choice(proven(chance.choice(KINDS)))
                text = await _ask(http, models[(number + step) % 2], prompt.messages, chance.random() < 0.5)
                assert text == prompt.answer, (seed, turn, number, prompt.messages, text)
                swaps.answers += 1

        turn, told = 0, 0.0
        while more(swaps):
            await asyncio.gather(*(client(number, turn) for number in range(CLIENTS)))
            states = (await http.get("/v1/admin/models")).json()["models"]
            assert [state["in_flight"] for state in states] == [0]
            loads, told = await _loads(http, told)
            swaps.loads += loads
            swaps.memory.setdefault(states[0]["id"], []).append(own_bytes(server.process.pid))
            turn += 1
    return swaps


async def _ask(http: httpx.AsyncClient, model: str, messages: Any, ollama: bool) -> str:
    """By either API."""
    body = {"model": model, "messages": messages}
    if not ollama:
        answer = await http.post("/v1/chat/completions", json={**body, "temperature": 0, "max_tokens": 100})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["choices"][0]["message"]["content"])
    options = {"num_predict": 100, "temperature": 0}
    answer = await http.post("/api/chat", json={**body, "stream": False, "think": False, "options": options})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["message"]["content"])


async def _loads(http: httpx.AsyncClient, since: float) -> tuple[int, float]:
    """How often a model was loaded after a moment, and the moment of the last decision."""
    events = (await http.get("/v1/admin/events", params={"limit": 200})).json()["events"]
    fresh = [event for event in events if event["at"] > since]
    return sum(event["decision"] == "loaded" for event in fresh), max([since, *(event["at"] for event in fresh)])
