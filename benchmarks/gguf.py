"""GGUF behind heylook: against its peers, its own engine loop, thread against process, and with long prompts.

    python -m benchmarks.gguf [--rounds N] [--tokens N] [--kind f16|q8_0] [--llama-server PATH] [--peer-python PATH]
        [peers | http | channels | gap | cancel]…

A random model of 88 million parameters, greedy, one compute thread everywhere. Rounds alternate between the two sides;
figures are medians with ranges, ratios are taken round by round. CPU is user and system time of the server with its
workers: it is steadier than the clock on a machine that does other things too. `benchmarks/gguf_peers.py` says how
to get the peers; those that are not there are left out with a note.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.client import Load, together
from benchmarks.gguf_pauses import cancelled, worst_gap
from benchmarks.gguf_peers import SLOT, SLOTS, Peer, installed
from benchmarks.http import LONG_TEXT, MODELS, body
from benchmarks.random_gguf import make_gguf
from benchmarks.raw import RawLoop, load
from benchmarks.servers import Server, heylook
from benchmarks.tables import ratios, spread, table
from heylook_core.batching.pace import PrefillPace

HEADER = ["measure", "streams", "heylook", "other", "ratio", "target"]


def config(path: Path, threads: int = 1) -> dict[str, Any]:
    return {"model_path": str(path), "n_ctx": SLOT, "slots": SLOTS, "n_threads": threads}


@dataclass(frozen=True)
class Measured:
    """What one round of requests took; CPU in milliseconds per token, of the server alone and with its workers."""

    load: Load
    server_cpu: float
    cpu: float


def streams_of(server: Server, model: str, streams: int, tokens: int, turn: int) -> Measured:
    """Greedy requests at once. Every prompt is new from its first words on, so that nobody reuses much."""
    bodies = [body(model, f"{streams} {turn} {number} {LONG_TEXT}", tokens) for number in range(streams)]
    before = server.cpu_seconds(), server.tree_cpu_seconds()
    done = asyncio.run(together(server.chat, bodies))
    after = server.cpu_seconds(), server.tree_cpu_seconds()
    return Measured(done, *((late - early) * 1e3 / done.tokens for early, late in zip(before, after, strict=True)))


# ------------------------------------------------------------------ peers


def peers(path: Path, arguments: argparse.Namespace) -> str:
    """Aggregate throughput, first tokens and CPU, round by round against each peer."""
    others, notes = installed(arguments.llama_server, arguments.peer_python)
    rows = []
    for peer in others:
        with ExitStack() as stack:
            ours = stack.enter_context(heylook([{"id": "m", "provider": "gguf", "config": config(path)}]))
            theirs = stack.enter_context(peer.start(path))
            rows += against(peer, ours, theirs, arguments.rounds, arguments.tokens)
    return "\n".join([table(HEADER, rows), *notes] if rows else notes)


def against(peer: Peer, ours: Server, theirs: Server, rounds: int, tokens: int) -> list[list[str]]:
    rows = []
    for server in (ours, theirs):
        streams_of(server, "m", 1, 8, 99)
    for streams, target in peer.targets.items():
        mine, others = [], []
        for turn in range(rounds):
            mine.append(streams_of(ours, "m", streams, tokens, turn))
            others.append(streams_of(theirs, "m", streams, tokens, turn))
        rows += compared(peer.name, streams, mine, others, target)
    return rows


def compared(
    name: str, streams: int, mine: list[Measured], theirs: list[Measured], target: str, first: str = "<= 1.0"
) -> list[list[str]]:
    """Rows of throughput, first tokens and CPU."""
    measures: list[tuple[str, str, int, Callable[[Measured], float]]] = [
        ("tok/s", target, 1, lambda one: one.load.rate),
        ("first token p50 s", first, 2, lambda one: one.load.first_p50),
        ("CPU ms/token", "", 2, lambda one: one.cpu),
    ]
    rows = []
    for measure, wanted, digits, read in measures:
        sides = [read(one) for one in mine], [read(one) for one in theirs]
        cells = [spread(sides[0], digits), spread(sides[1], digits), spread(ratios(*sides))]
        rows.append([f"{measure}, {name}", str(streams), *cells, wanted])
    return rows


# ------------------------------------------------------------------ ourselves


def http(path: Path, arguments: argparse.Namespace) -> str:
    """Through HTTP against our own engine loop, prefill included."""
    rows = []
    raw = RawLoop("gguf", config(path))
    with heylook([{"id": "m", "provider": "gguf", "config": config(path)}]) as server:
        streams_of(server, "m", 1, 8, 99)
        for streams, target in ((1, ">= 0.97"), (8, ">= 0.95")):
            ours: list[Measured] = []
            theirs: list[tuple[float, float]] = []
            for turn in range(arguments.rounds):
                ours.append(streams_of(server, "m", streams, arguments.tokens, turn))
                theirs.append(raw.rate_and_cpu(streams, arguments.tokens, len(LONG_TEXT) + 25))
            rates = [one.load.rate for one in ours], [rate for rate, _ in theirs]
            costs = [one.cpu for one in ours], [cpu for _, cpu in theirs]
            cells = spread(rates[0], 1), spread(rates[1], 1), spread(ratios(*rates))
            rows.append(["tok/s, own raw loop", str(streams), *cells, target])
            rows.append(["CPU ms/token, own raw loop", str(streams), *map(spread, costs), spread(ratios(*costs)), ""])
    raw.close()
    return table(HEADER, rows)


def channels(path: Path, arguments: argparse.Namespace) -> str:
    """The worker in a child process (left) against a thread of the server (right)."""
    places = ("process", "thread")
    entries = [{"id": place, "provider": "gguf", "placement": place, "config": config(path)} for place in places]
    rows = []
    with heylook(entries) as server:
        for place in places:
            streams_of(server, place, 1, 8, 99)
        for streams in (1, 8):
            done: dict[str, list[Measured]] = {place: [] for place in places}
            for turn in range(arguments.rounds):
                for place in places:
                    done[place].append(streams_of(server, place, streams, arguments.tokens, turn))
            rows += compared("process and thread", streams, done["process"], done["thread"], ">= 0.98", "")
            alone = [[one.server_cpu for one in done[place]] for place in places]
            rows.append(["CPU ms/token of the server itself", str(streams), *map(spread, alone), "", ""])
    return table(HEADER, rows)


def gap(path: Path, arguments: argparse.Namespace) -> str:
    """The worst pause of a running answer while 1,500 prompt tokens arrive: in chunks by pace, and in one piece."""
    model = load("gguf", {**config(path), "n_ctx": 2048, "slots": 2})
    chunked, whole = [], []
    for turn in range(arguments.rounds + 1):
        chunked.append(worst_gap(model, PrefillPace(model.lanes()[0].least_prefill), turn))
        whole.append(worst_gap(model, None, turn))
    model.close()
    ratio = spread(ratios(chunked[1:], whole[1:]))
    return table(HEADER, [["worst gap s, one piece", "1", spread(chunked[1:]), spread(whole[1:]), ratio, "<= 0.1"]])


def cancel(path: Path, arguments: argparse.Namespace) -> str:
    """A client leaves in the middle of a long prompt: how soon the server counts its slot as free."""
    with heylook([{"id": "m", "provider": "gguf", "config": {**config(path), "n_ctx": 2048}}]) as server:
        streams_of(server, "m", 1, 8, 99)
        taken = [cancelled(server, "m", turn) * 1e3 for turn in range(arguments.rounds)]
    return table(["measure", "ms"], [["from leaving to a free slot", spread(taken, 1)]])


PARTS = {"peers": peers, "http": http, "channels": channels, "gap": gap, "cancel": cancel}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--kind", choices=["f16", "q8_0"], default="f16")
    parser.add_argument("--llama-server", default="llama-server", help="the program (default: on the PATH)")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has llama_cpp.server")
    arguments = parser.parse_args()
    path = make_gguf(MODELS, arguments.kind)
    for name in arguments.parts or PARTS:
        print(f"## {name}, {arguments.kind}\n\n{PARTS[name](path, arguments)}\n", flush=True)


if __name__ == "__main__":
    main()
