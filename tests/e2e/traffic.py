"""Random clients of a real server: each knows what its answer has to be, some leave in the middle.

Answers that are proven are compared with their proof, so that one which reaches the wrong client is seen; seeded and
constrained ones with the first answer to the same request. `scripts/soak gguf` runs this for minutes.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

import heylook_demo_model
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_demo_model.prompts import Prompt, proven

MODEL = "demo"
CLIENTS = 8
PLAIN = ("fact", "documentation", "recall", "count", "system")
COLOUR = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green", "blue"]}, "bright": {"type": "boolean"}},
    "required": ["colour", "bright"],
    "additionalProperties": False,
}


def settings(**config: Any) -> Settings:
    """The GGUF demo model with less than one slot per client, and a prefix cache that is soon full.

    One thread, float32 KV and no flash attention: then an answer has the same bits whatever runs beside it.
    """
    exact = {"n_threads": 1, "n_gpu_layers": 0, "flash_attn": False, "type_k": "f32", "type_v": "f32"}
    known = {"model_path": str(heylook_demo_model.gguf_path()), "slots": CLIENTS - 2, "max_concurrency": CLIENTS - 2}
    entry = ModelEntry(id=MODEL, provider="gguf", config={**known, **exact, **config})
    return Settings(models=(entry,), server=ServerSettings(port=0), prefix_cache_bytes=16 << 20)


@dataclass
class Tally:
    """What happened: requests by kind, those that were compared, and resident memory in bytes over time."""

    kinds: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    memory: list[int] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.kinds.total()

    @property
    def growth(self) -> int:
        """Bytes from the first third of the samples, where caches fill up, to the last one."""
        third = max(len(self.memory) // 3, 1)
        return max(self.memory[-third:]) - max(self.memory[:third])


class Traffic:
    """`CLIENTS` clients of one server, each with random numbers of its own. One event loop."""

    def __init__(self, url: str, pid: int, seed: int = 0) -> None:
        self.tally = Tally()
        self._pid = pid
        self._seed = seed
        self._first: dict[str, str] = {}
        self._http = httpx.AsyncClient(base_url=url, timeout=300, limits=httpx.Limits(max_connections=2 * CLIENTS))

    async def run(self, more: Callable[[Tally], bool]) -> Tally:
        """Ask while `more`; raises AssertionError for a wrong answer, or where something is still running then."""
        async with self._http:
            await asyncio.gather(*(self._client(number, more) for number in range(CLIENTS)))
            await self._settle()
        return self.tally

    async def _client(self, number: int, more: Callable[[Tally], bool]) -> None:
        chance = random.Random(f"{self._seed} {number}")
        kinds = (self.proven, self.proven, self.stopped, self.seeded, self.constrained, self.left, self.left_early)
        while more(self.tally):
            kind = chance.choice(kinds)
            await kind(chance)
            self.tally.kinds[kind.__name__] += 1
            if self.tally.requests % 20 == 0:
                self.tally.memory.append(resident_bytes(self._pid))

    # ------------------------------------------------------------------ kinds of requests

    async def proven(self, chance: random.Random) -> None:
        prompt = one(chance)
        self._check(prompt.answer, await self._ask(chance, messages=prompt.messages), prompt.messages)

    async def stopped(self, chance: random.Random) -> None:
        """The answer up to a text in it."""
        prompt = one(chance)
        start = chance.randrange(len(prompt.answer))
        stop = prompt.answer[start : start + 3]
        answer = await self._ask(chance, messages=prompt.messages, stop=[stop])
        self._check(prompt.answer[: prompt.answer.index(stop)], answer, (prompt.messages, stop))

    async def seeded(self, chance: random.Random) -> None:
        drawn = {"temperature": 0.9, "top_p": 0.95, "seed": chance.randrange(4), "max_tokens": 40}
        await self._ask_again(chance, messages=chance.choice(proven("documentation")[:3]).messages, **drawn)

    async def constrained(self, chance: random.Random) -> None:
        schema = {"type": "json_schema", "json_schema": {"name": "light", "schema": COLOUR, "strict": True}}
        messages = chance.choice(proven("fact")[:3]).messages
        text = await self._ask_again(chance, messages=messages, response_format=schema, max_tokens=120)
        value = json.loads(text)
        assert value["colour"] in ("red", "green", "blue"), text
        assert value["bright"] in (True, False), text

    async def left(self, chance: random.Random) -> None:
        """Leave after some pieces of a long answer."""
        body = self._body(messages=one(chance).messages, max_tokens=600, ignore_eos=True, stream=True)
        pieces = chance.randint(1, 30)
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for line in answer.aiter_lines():
                pieces -= line.startswith("data: {")
                if pieces <= 0:
                    return

    async def left_early(self, chance: random.Random) -> None:
        """Leave while a long prompt is prepared or read, streamed or not."""
        words = " ".join(chance.choice(("river", "stone", "cloud", "lamp")) for _ in range(chance.randint(50, 500)))
        body = self._body(messages=[{"role": "user", "content": words}], max_tokens=50, stream=chance.random() < 0.5)
        asking = asyncio.create_task(self._http.post("/v1/chat/completions", json=body))
        await asyncio.wait([asking], timeout=chance.uniform(0, 0.2))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    # ------------------------------------------------------------------ asking and checking

    def _body(self, **fields: Any) -> dict[str, Any]:
        return {"model": MODEL, "temperature": 0, "max_tokens": 100, **fields}

    async def _ask(self, chance: random.Random, **fields: Any) -> str:
        """The answer's text, streamed or whole."""
        body = self._body(**fields)
        if chance.random() < 0.5:
            answer = await self._http.post("/v1/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["choices"][0]["message"]["content"] or "")
        text = ""
        async with self._http.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as stream:
            assert stream.status_code == 200, await stream.aread()
            async for line in stream.aiter_lines():
                if line.startswith("data: {"):
                    text += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
        return text

    async def _ask_again(self, chance: random.Random, **fields: Any) -> str:
        """An answer that has to be the first one to these fields."""
        text = await self._ask(chance, **fields)
        self._check(self._first.setdefault(json.dumps(fields), text), text, fields)
        return text

    def _check(self, expected: str, answer: str, asked: Any) -> None:
        assert answer == expected, (self._seed, asked)
        self.tally.compared += 1

    async def _settle(self) -> None:
        """Wait until nobody runs. Raises AssertionError where a request stays, or a slot still holds tokens."""
        deadline = time.monotonic() + 60
        while True:
            (state,) = (await self._http.get("/v1/admin/models")).json()["models"]
            if state["in_flight"] == 0 and state["live_kv_bytes"] == 0:
                return
            assert time.monotonic() < deadline, state
            await asyncio.sleep(0.1)


def one(chance: random.Random) -> Prompt:
    """A prompt without tools or thinking, with its proven answer."""
    return chance.choice(proven(chance.choice(PLAIN)))


def resident_bytes(pid: int) -> int:
    """Memory of a process and its children."""
    found = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
    rows = [tuple(map(int, line.split())) for line in found.stdout.splitlines()]
    return sum(kilobytes for own, parent, kilobytes in rows if pid in (own, parent)) << 10
