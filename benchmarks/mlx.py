"""MLX behind heylook against `mlx_lm.server` on the same model.

python -m benchmarks.mlx [--rounds N] [--tokens N]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.client import Load, together
from benchmarks.http import LONG_TEXT, MODELS
from benchmarks.random_models import make_mlx
from benchmarks.servers import Server, free_port, heylook, started
from benchmarks.tables import ratios, spread, table


def load(server: Server, model: str, streams: int, tokens: int, turn: int) -> Load:
    """Plain greedy requests that both servers understand; each prompt is new to both."""
    bodies: list[dict[str, Any]] = [
        {
            "model": model,
            "messages": [{"role": "user", "content": f"{turn} {number} {LONG_TEXT}"}],
            "max_tokens": tokens,
            "temperature": 0,
        }
        for number in range(streams)
    ]
    return asyncio.run(together(server.chat, bodies))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32)
    arguments = parser.parse_args()
    path = make_mlx(MODELS / "mlx-76m")
    rows = []
    with ExitStack() as stack:
        ours = stack.enter_context(heylook([{"id": "m", "provider": "mlx", "config": {"model_path": str(path)}}]))
        port = free_port()
        command = [sys.executable, "-m", "mlx_lm", "server", "--model", str(path), "--port", str(port)]
        peer = stack.enter_context(started(command, port, ready="/health"))
        for server, model in ((ours, "m"), (peer, str(path))):
            load(server, model, 1, 8, 99)
        for streams in (1, 8):
            rows += compare(ours, peer, path, streams, arguments.rounds, arguments.tokens)
    print(table(["measure", "streams", "heylook", "mlx_lm.server", "ratio", "target"], rows))


def compare(ours: Server, peer: Server, path: Path, streams: int, rounds: int, tokens: int) -> list[list[str]]:
    mine: list[Load] = []
    theirs: list[Load] = []
    for turn in range(rounds):
        mine.append(load(ours, "m", streams, tokens, turn))
        theirs.append(load(peer, str(path), streams, tokens, turn))
    rates = [one.rate for one in mine], [one.rate for one in theirs]
    firsts = [one.first_p50 for one in mine], [one.first_p50 for one in theirs]
    return [
        ["aggregate tok/s", str(streams), spread(rates[0], 1), spread(rates[1], 1), spread(ratios(*rates)), ">= 1.0"],
        ["first token p50, s", str(streams), spread(firsts[0]), spread(firsts[1]), spread(ratios(*firsts)), "<= 1.0"],
    ]


if __name__ == "__main__":
    main()
