"""GGUF behind heylook: against its peers, its own engine loop, thread against process, and with long prompts.

    python -m benchmarks.gguf [--rounds N] [--tokens N] [--kind f16|q8_0] [peers | http | channels | gap]…

Peers run at their own defaults, on one thread like ours, and are left out with a note where they are not installed:
`llama-server` (on the PATH) and `llama_cpp.server` (`pip install 'llama-cpp-python[server]'`). llama-server can be
built from the source distribution of llama-cpp-python:

    cmake -S vendor/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \\
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF
    cmake --build build --target llama-server
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.client import Load, together
from benchmarks.http import LONG_TEXT, MODELS, body
from benchmarks.random_gguf import make_gguf
from benchmarks.raw import GREEDY, RawLoop, load
from benchmarks.servers import Server, free_port, heylook, started
from benchmarks.tables import ratios, spread, table
from heylook_core.batching.pace import PrefillPace
from heylook_core.provider import Budget, SequenceTask, Token

SLOT = 1024
HEADER = ["measure", "streams", "heylook", "other", "ratio", "target"]


def config(path: Path, threads: int = 1) -> dict[str, Any]:
    return {"model_path": str(path), "n_ctx": SLOT, "n_threads": threads}


def streams_of(server: Server, model: str, streams: int, tokens: int, turn: int) -> Load:
    """Greedy requests at once. Every prompt is new from its first words on, so that nobody reuses much."""
    bodies = [body(model, f"{turn} {number} {LONG_TEXT}", tokens) for number in range(streams)]
    return asyncio.run(together(server.chat, bodies))


# ------------------------------------------------------------------ peers


@contextmanager
def llama_server(path: Path) -> Iterator[Server]:
    port, program = free_port(), shutil.which("llama-server") or "llama-server"
    options = ["-m", str(path), "--port", str(port), "-np", "8", "-c", str(8 * SLOT), "-t", "1", "-tb", "1"]
    with started([program, *options, "--no-warmup", "-a", "m"], port, ready="/health") as server:
        yield server


@contextmanager
def mutex_server(path: Path) -> Iterator[Server]:
    port = free_port()
    options = ["--model", str(path), "--model_alias", "m", "--port", str(port), "--n_ctx", str(SLOT)]
    options += ["--n_threads", "1", "--n_threads_batch", "1", "--interrupt_requests", "False"]
    with started([sys.executable, "-m", "llama_cpp.server", *options], port) as server:
        yield server


def peers(path: Path, rounds: int, tokens: int) -> str:
    """Aggregate throughput and first tokens, round by round against each peer."""
    found: list[tuple[str, Any, dict[int, str]]] = []
    notes = []
    if shutil.which("llama-server"):
        found.append(("llama-server", llama_server, {1: ">= 1.0", 4: ">= 1.0", 8: ">= 1.0"}))
    else:
        notes.append("llama-server is not on the PATH.")
    if all(find_spec(name) for name in ("fastapi", "sse_starlette", "pydantic_settings", "starlette_context")):
        found.append(("llama_cpp.server", mutex_server, {1: ">= 1.1", 8: ">= 1.5"}))
    else:
        notes.append("llama_cpp.server lacks its dependencies.")
    rows = []
    for name, start, targets in found:
        with ExitStack() as stack:
            ours = stack.enter_context(heylook([{"id": "m", "provider": "gguf", "config": config(path)}]))
            rows += against(name, ours, stack.enter_context(start(path)), targets, rounds, tokens)
    return "\n".join([table(HEADER, rows), *notes]) if rows else "\n".join(notes)


def against(
    name: str, ours: Server, peer: Server, targets: dict[int, str], rounds: int, tokens: int
) -> list[list[str]]:
    rows = []
    for server in (ours, peer):
        streams_of(server, "m", 1, 8, 99)
    for streams, target in targets.items():
        mine, theirs = [], []
        for turn in range(rounds):
            mine.append(streams_of(ours, "m", streams, tokens, turn))
            theirs.append(streams_of(peer, "m", streams, tokens, turn))
        rates = [one.rate for one in mine], [one.rate for one in theirs]
        firsts = [one.first_p50 for one in mine], [one.first_p50 for one in theirs]
        rate, first = spread(ratios(*rates)), spread(ratios(*firsts))
        rows.append([f"tok/s, {name}", str(streams), spread(rates[0], 1), spread(rates[1], 1), rate, target])
        rows.append([f"first token p50 s, {name}", str(streams), spread(firsts[0]), spread(firsts[1]), first, "<= 1.0"])
    return rows


# ------------------------------------------------------------------ ourselves


def http(path: Path, rounds: int, tokens: int) -> str:
    """Through HTTP against our own engine loop, prefill included."""
    rows = []
    raw = RawLoop("gguf", config(path))
    with heylook([{"id": "m", "provider": "gguf", "config": config(path)}]) as server:
        streams_of(server, "m", 1, 8, 99)
        for streams, target in ((1, ">= 0.97"), (8, ">= 0.95")):
            ours, theirs = [], []
            for turn in range(rounds):
                ours.append(streams_of(server, "m", streams, tokens, turn).rate)
                theirs.append(raw.rate(streams, tokens, len(LONG_TEXT) + 23))
            ratio = spread(ratios(ours, theirs))
            rows.append(["tok/s, own raw loop", str(streams), spread(ours, 1), spread(theirs, 1), ratio, target])
    raw.close()
    return table(HEADER, rows)


def channels(path: Path, rounds: int, tokens: int) -> str:
    """The worker in a child process against a thread of the server."""
    places = ("process", "thread")
    entries = [{"id": place, "provider": "gguf", "placement": place, "config": config(path)} for place in places]
    rows = []
    with heylook(entries) as server:
        for place in places:
            streams_of(server, place, 1, 8, 99)
        for streams in (1, 8):
            rates: dict[str, list[float]] = {place: [] for place in places}
            for turn in range(rounds):
                for place in places:
                    rates[place].append(streams_of(server, place, streams, tokens, turn).rate)
            cells = [spread(rates[place], 1) for place in places]
            ratio = spread(ratios(rates["process"], rates["thread"]))
            rows.append(["tok/s, process and thread", str(streams), *cells, ratio, ">= 0.98"])
    return table(HEADER, rows)


def gap(path: Path, rounds: int, tokens: int) -> str:
    """The worst pause of a running answer while 1,500 prompt tokens arrive: in chunks by pace, and in one piece."""
    model = load("gguf", {**config(path), "n_ctx": 2048, "slots": 2})
    chunked, whole = [], []
    for turn in range(rounds + 1):
        chunked.append(worst_gap(model, PrefillPace(), turn))
        whole.append(worst_gap(model, None, turn))
    model.close()
    ratio = spread(ratios(chunked[1:], whole[1:]))
    return table(HEADER, [["worst gap s, one piece", "1", spread(chunked[1:]), spread(whole[1:]), ratio, "<= 0.1"]])


def worst_gap(model: Any, pace: PrefillPace | None, turn: int) -> float:
    engine = model.lanes()[0]
    vocabulary = model.info.vocabulary
    engine.insert(SequenceTask(1, list(range(300, 310)), limit=400, sampling=GREEDY))
    gaps, last, long_done, inserted = [], time.perf_counter(), False, False
    while not long_done or len(gaps) < 20:
        if len(gaps) == 10 and not inserted:
            prompt = [300 + (turn * 7 + index * 13) % (vocabulary - 300) for index in range(1500)]
            engine.insert(SequenceTask(2, prompt, limit=1, sampling=GREEDY))
            inserted = True
        begun = time.perf_counter()
        outs = engine.step(Budget(pace.budget(decoding=True) if pace is not None else 4096))
        now = time.perf_counter()
        read = sum(out.done for out in outs if not isinstance(out, Token) and out.sid == 2)
        if pace is not None:
            pace.learn(now - begun, min(pace.budget(decoding=True), read), decoded=True)
        for out in outs:
            if isinstance(out, Token):
                if out.sid == 1:
                    gaps.append(now - last)
                    last = now
                long_done = long_done or out.sid == 2
    engine.remove(1, keep=False)
    engine.remove(2, keep=False)
    return max(gaps[5:])


def main() -> None:
    known = {"peers": peers, "http": http, "channels": channels, "gap": gap}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*known, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--kind", choices=["f16", "q8_0"], default="f16")
    arguments = parser.parse_args()
    path = make_gguf(MODELS, arguments.kind)
    for name in arguments.parts or known:
        print(f"## {name}, {arguments.kind}\n\n{known[name](path, arguments.rounds, arguments.tokens)}\n", flush=True)


if __name__ == "__main__":
    main()
