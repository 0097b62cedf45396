"""What a token costs the server as a line of Ollama's NDJSON against an event of OpenAI's SSE.

The toy engine takes 4 ms a step, so that on both sides a token is a piece of its own: faster ones are merged by chance.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from benchmarks.client import together
from benchmarks.servers import Server, heylook
from benchmarks.tables import ratios, spread, table

TOKENS = 500  # of each stream
CONFIG = {"step_delay": 0.004, "answer_tokens": 1 << 30, "context": 1 << 20, "max_concurrency": 32}
MESSAGES = [{"role": "user", "content": "go"}]


def ndjson(rounds: int) -> str:
    """CPU of the server process per token; the toy engine runs in a child process beside it. The order alternates."""
    rows = []
    with heylook([{"id": "m", "provider": "toy", "placement": "process", "config": CONFIG}]) as server:
        ollama = f"{server.base}/api/chat"
        for streams in (1, 8, 32):
            bodies = _bodies(server.chat, ollama)
            costs: dict[str, list[float]] = {server.chat: [], ollama: []}
            for url, body in bodies.items():
                _cost(server, url, [body] * streams)
            for turn in range(rounds):
                for url in (server.chat, ollama) if turn % 2 else (ollama, server.chat):
                    costs[url].append(_cost(server, url, [bodies[url]] * streams))
            ratio = spread(ratios(costs[ollama], costs[server.chat]))
            rows.append([str(streams), spread(costs[ollama], 1), spread(costs[server.chat], 1), ratio, "<= 1.1"])
    return table(["streams", "NDJSON, us/token", "SSE, us/token", "ratio", "target"], rows)


def _bodies(openai: str, ollama: str) -> dict[str, dict[str, Any]]:
    """The same request in both words, by address. Ollama's models think unless told otherwise."""
    common = {"model": "m", "messages": MESSAGES}
    return {
        openai: {**common, "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True},
        ollama: {**common, "think": False, "options": {"num_predict": TOKENS, "temperature": 0}},
    }


def _cost(server: Server, url: str, bodies: list[dict[str, Any]]) -> float:
    """Microseconds per token. Raises RuntimeError where an answer is not as long as it was asked for."""
    before = _cpu_seconds(server)
    load = asyncio.run(together(url, bodies))
    if {one.tokens for one in load.streams} != {TOKENS}:
        raise RuntimeError(
            f"{url} sent {load.tokens} tokens to {len(bodies)} streams, and {TOKENS} were asked for by each."
        )
    return (_cpu_seconds(server) - before) / load.tokens * 1e6


def _cpu_seconds(server: Server) -> float:
    """Of all threads of the server process, from Linux's scheduler: nanoseconds, where /proc/PID/stat has 10 ms."""
    threads = Path(f"/proc/{server.process.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
