"""What analytics cost: throughput with records in DuckDB at the level `requests` and without; the cost of a
record; a scrape of /metrics.

python -m benchmarks.analytics [rounds]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.client import stream
from benchmarks.servers import Server, heylook
from benchmarks.short_answers import rate
from benchmarks.tables import ratios, spread, table
from heylook_core.analytics import RequestRecord
from heylook_core.plugins import Plugins
from heylook_core.sinks import Wanted, attached
from heylook_core.totals import Totals
from heylook_core.web.metrics import Figures, written

STREAMS = 8
ANSWERS = 6
TOKENS = 96
MODELS = 50
SHORT = 200
RECORDS = 10_000
BODY = {
    "model": "heylook-demo-gguf",
    "messages": [{"role": "user", "content": "Tell me about heylook."}],
    "max_tokens": TOKENS,
    "temperature": 0.7,
    "ignore_eos": True,
}


def throughput(rounds: int) -> str:
    """Interleaved rounds of two servers that differ in nothing else."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        config = {"db_path": str(Path(folder) / "analytics.db"), "storage_level": "requests"}
        recording = {"sinks": [{"name": "duckdb", "config": config}]}
        models = [{"id": "m", "provider": "scripted", "placement": "thread"}]
        servers = {
            name: stack.enter_context(_server(models, plugins)) for name, plugins in (("on", recording), ("off", {}))
        }
        streamed: dict[str, list[float]] = {name: [] for name in servers}
        short: dict[str, list[float]] = {name: [] for name in servers}
        for server in servers.values():
            asyncio.run(_tokens_per_second(server))
        for number in range(rounds):
            for name in sorted(servers, reverse=number % 2 == 0):
                streamed[name].append(asyncio.run(_tokens_per_second(servers[name])))
                short[name].append(asyncio.run(rate(servers[name], SHORT)))
    rows = [
        [f"tok/s, {STREAMS} streams, demo model", streamed, ">= 0.99"],
        ["short answers per CPU second", short, "reported"],
    ]
    cells = [
        [what, spread(found["on"], 0), spread(found["off"], 0), spread(ratios(found["on"], found["off"])), target]
        for what, found, target in rows
    ]
    return table(["what", "on", "off", "ratio", "target"], cells)


def _server(models: list[dict[str, Any]], plugins: dict[str, Any]) -> Any:
    return heylook(models, plugins=plugins)


async def _tokens_per_second(server: Server) -> float:
    started = time.perf_counter()
    answers = await asyncio.gather(*(_answers(server) for _ in range(STREAMS)))
    return sum(answers) / (time.perf_counter() - started)


async def _answers(server: Server) -> int:
    return sum([(await stream(server.chat, BODY)).tokens for _ in range(ANSWERS)])


def scrape(rounds: int) -> str:
    """Milliseconds to write the figures of 50 models, each with every histogram filled."""
    totals = Totals()
    for number in range(MODELS):
        totals.request_finished(_record(f"model-{number}"), None)
    figures = Figures(totals, [], [])
    written(figures)
    found = []
    for _ in range(max(rounds, 5)):
        started = time.perf_counter()
        size = len(written(figures))
        found.append(1000 * (time.perf_counter() - started))
    return table(
        ["what", "ms", "bytes", "target"], [[f"/metrics, {MODELS} models", spread(found, 1), str(size), "<= 20"]]
    )


def cost(rounds: int) -> str:
    """Microseconds of processor time that a record takes until it is in the database, among RECORDS of them."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            plugins = Plugins(only=())
            config = {"db_path": str(Path(folder) / "analytics.db"), "storage_level": "requests"}
            started = time.process_time()
            with attached([Wanted("duckdb", config)], plugins):
                for number in range(RECORDS):
                    plugins.notify("request_finished", record=_record(f"model-{number % MODELS}"), content=None)
            found.append(1e6 * (time.process_time() - started) / RECORDS)
    return table(["what", "us", "target"], [["a record in DuckDB, processor time", spread(found, 0), "reported"]])


def _record(model: str) -> RequestRecord:
    return RequestRecord(
        request_id="r",
        at=0.0,
        dialect="openai",
        kind="chat",
        model=model,
        provider="gguf",
        streamed=True,
        outcome="ok",
        finish="stop",
        prompt_tokens=100,
        completion_tokens=50,
        prefill_seconds=0.1,
        decode_seconds=1.0,
        first_token_seconds=0.1,
        gap_p50_seconds=0.02,
        total_seconds=1.1,
    )


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{scrape(rounds)}\n\n{cost(rounds)}\n\n{throughput(rounds)}")
