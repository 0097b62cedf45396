"""What the server adds to an engine: throughput, gaps, CPU per token, channels, short answers, constraints, NDJSON.

python -m benchmarks.http [--quick] [throughput | channels | gaps | cpu | requests | constrained | ndjson]…
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.batches import batches
from benchmarks.client import stream, together
from benchmarks.constrained import constrained
from benchmarks.ndjson import ndjson
from benchmarks.raw import RawLoop
from benchmarks.servers import Server, heylook
from benchmarks.short_answers import requests
from benchmarks.tables import ratios, spread, table

MODELS = Path(tempfile.gettempdir()) / "heylook-benchmark-models"
LONG_TEXT = "the quick brown fox jumps over the lazy dog. "


def body(model: str, text: str, tokens: int, **more: Any) -> dict[str, Any]:
    message = {"role": "user", "content": text}
    return {"model": model, "messages": [message], "max_tokens": tokens, "temperature": 0, "ignore_eos": True, **more}


def toy(name: str, placement: str = "thread", **config: Any) -> dict[str, Any]:
    known = {"answer_tokens": 1 << 30, "context": 1 << 20}
    return {"id": name, "provider": "toy", "placement": placement, "config": {**known, **config}}


# ------------------------------------------------------------------ throughput


def throughput(rounds: int) -> str:
    """Tokens a second through HTTP against the raw engine loop, prefill included on both sides."""
    rows = []
    for label, provider, config, tokens in engines():
        raw = RawLoop(provider, config)
        with heylook([{"id": "m", "provider": provider, "config": config}]) as server:
            for streams, target in ((1, ">= 0.97"), (8, ">= 0.95")):
                ours, theirs = [], []
                asyncio.run(together(server.chat, [body("m", "warm up", 8)]))
                prompt = _prompt_tokens(server, _text(0, 0))
                for turn in range(rounds):
                    ours.append(_http_rate(server, streams, tokens, turn))
                    theirs.append(raw.rate(streams, tokens, prompt))
                rows.append(
                    [label, str(streams), spread(ours, 1), spread(theirs, 1), spread(ratios(ours, theirs)), target]
                )
        raw.close()
    return table(["engine", "streams", "HTTP tok/s", "raw tok/s", "ratio", "target"], rows)


def engines() -> list[tuple[str, str, dict[str, Any], int]]:
    """Label, provider, config and tokens per stream of every engine that is installed."""
    from importlib.util import find_spec

    found: list[tuple[str, str, dict[str, Any], int]] = []
    if find_spec("heylook_mlx") is not None:
        from benchmarks.random_models import make_mlx

        found.append(("MLX 76M float32", "mlx", {"model_path": str(make_mlx(MODELS / "mlx-76m"))}, 32))
    if find_spec("heylook_demo_model") is not None:
        import heylook_demo_model

        if find_spec("heylook_mlx") is not None:
            found.append(("MLX demo 3.9M", "mlx", {"model_path": str(heylook_demo_model.mlx_path())}, 128))
        if find_spec("heylook_gguf") is not None:
            found.append(("GGUF demo 3.9M", "gguf", {"model_path": str(heylook_demo_model.gguf_path())}, 256))
    return found


def _http_rate(server: Server, streams: int, tokens: int, turn: int) -> float:
    bodies = [body("m", _text(turn, number), tokens) for number in range(streams)]
    return asyncio.run(together(server.chat, bodies)).rate


def _text(turn: int, number: int) -> str:
    """Short, and new from its first word on, so that nothing much is reused."""
    return f"{turn} {number} go on"


def _prompt_tokens(server: Server, text: str) -> int:
    """How many tokens the server makes of a prompt, so that the raw loop reads as many."""
    data = json.dumps(body("m", text, 1)).encode()
    request = urllib.request.Request(server.chat, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return int(json.load(reply)["usage"]["prompt_tokens"])


# ------------------------------------------------------------------ channels


def channels(rounds: int) -> str:
    """The same model in a thread and in a process: tokens a second and the server's own CPU."""
    rows = []
    for label, provider, config, tokens in engines():
        entries = [
            {"id": place, "provider": provider, "placement": place, "config": config} for place in ("thread", "process")
        ]
        with heylook(entries) as server:
            for streams in (1, 8):
                rates: dict[str, list[float]] = {"thread": [], "process": []}
                costs: dict[str, list[float]] = {"thread": [], "process": []}
                for place in rates:
                    asyncio.run(together(server.chat, [body(place, "warm up", 8)]))
                for turn in range(rounds):
                    for place in rates:
                        before = server.cpu_seconds()
                        bodies = [body(place, f"{turn} {number} {LONG_TEXT}", tokens) for number in range(streams)]
                        load = asyncio.run(together(server.chat, bodies))
                        rates[place].append(load.rate)
                        costs[place].append((server.cpu_seconds() - before) / load.tokens * 1e6)
                ratio = spread(ratios(rates["process"], rates["thread"]))
                cells = [spread(rates["thread"], 1), spread(rates["process"], 1), ratio, spread(costs["process"], 0)]
                rows.append([label, str(streams), *cells])
    header = ["engine", "streams", "thread tok/s", "process tok/s", "process / thread", "server us/token (process)"]
    return table(header, rows)


# ------------------------------------------------------------------ gaps


def gaps(rounds: int) -> str:
    """The worst pause of a running stream while something heavy happens beside it (toy engine, 5 ms a step)."""
    entry = toy("m", step_delay=0.005, prefill_delay_per_token=0.0005, max_concurrency=16)
    rows = []
    with heylook([entry]) as server:
        for label, beside in (
            ("nothing", _nothing),
            ("a 4k-token prompt arrives", _long_prompt),
            ("8 joins of 4k tokens each", _joins),
            ("a 200k-token prompt is tokenised", _huge_prompt),
            ("256 embeddings are computed", _embeddings),
        ):
            found = [asyncio.run(_gap(server, beside)) for _ in range(rounds)]
            rows.append(
                [label, spread([gap * 1e3 for gap, _ in found], 1), spread([step * 1e3 for _, step in found], 1)]
            )
    return table(["beside the stream", "worst gap, ms", "median gap, ms"], rows)


async def _gap(server: Server, beside: Any) -> tuple[float, float]:
    running = asyncio.create_task(stream(server.chat, body("m", "go on", 600)))
    await asyncio.sleep(0.5)
    other = asyncio.create_task(beside(server))
    found = await running
    await other
    steps = sorted(b - a for a, b in zip(found.pieces, found.pieces[1:], strict=False))
    return found.worst_gap, steps[len(steps) // 2]


async def _nothing(server: Server) -> None:
    return


async def _long_prompt(server: Server) -> None:
    await stream(server.chat, body("m", "x" * 4000, 4))


async def _joins(server: Server) -> None:
    await asyncio.gather(*(stream(server.chat, body("m", f"{number}" * 4000, 4)) for number in range(8)))


async def _huge_prompt(server: Server) -> None:
    await stream(server.chat, body("m", "y" * 200_000, 1))


async def _embeddings(server: Server) -> None:
    data = json.dumps({"model": "m", "input": [f"text number {number} " * 20 for number in range(256)]}).encode()
    request = urllib.request.Request(f"{server.base}/v1/embeddings", data, {"Content-Type": "application/json"})
    await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=60).read())


# ------------------------------------------------------------------ CPU


def cpu(rounds: int) -> str:
    """CPU of the server process per streamed token; the toy engine runs in a child process beside it."""
    rows = []
    with heylook([toy("m", "process", max_concurrency=32)]) as server:
        for streams in (1, 8, 32):
            asyncio.run(together(server.chat, [body("m", "warm up", 8)]))
            costs = []
            for _ in range(rounds):
                before = server.cpu_seconds()
                load = asyncio.run(together(server.chat, [body("m", "go", 32_000 // streams)] * streams))
                costs.append((server.cpu_seconds() - before) / load.tokens * 1e6)
            rows.append([str(streams), spread(costs, 1), "<= 15"])
    return table(["streams", "server CPU per token, us", "target"], rows)


PARTS = {
    "throughput": throughput,
    "channels": channels,
    "gaps": gaps,
    "cpu": cpu,
    "requests": requests,
    "constrained": constrained,
    "batches": lambda rounds: batches(rounds, engines()),
    "ndjson": ndjson,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        print(f"\n### {name}\n")
        print(PARTS[name](arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
