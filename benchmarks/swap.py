"""What it costs to have a model loaded by the server instead of by its library.

python -m benchmarks.swap [--rounds N] [load | large | first | swap | models | scan]…
"""

from __future__ import annotations

import argparse
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks import catalogue
from benchmarks.gguf import config as gguf_config
from benchmarks.http import MODELS
from benchmarks.random_gguf import make_gguf, make_large_gguf
from benchmarks.random_models import make_large_mlx, make_mlx
from benchmarks.raw_load import RawLoads, fresh
from benchmarks.servers import Server, heylook
from benchmarks.tables import ratios, spread, table

HEADER = ["measure", "engine", "server", "library", "ratio", "target"]
SLOTS = 4
PAUSE = 2.5
Kind = tuple[dict[str, Any], tuple[str, ...]]
Taken = tuple[float, float]
"""Seconds and CPU seconds of a load."""


def kinds() -> dict[str, Kind]:
    """Label to models.yaml entry, and what the library alone is told to load."""
    return _kinds(make_mlx(MODELS / "mlx-76m"), "76M", make_gguf(MODELS, "f16"), "88M")


def large_kinds() -> dict[str, Kind]:
    return _kinds(make_large_mlx(MODELS / "mlx-303m"), "303M", make_large_gguf(MODELS), "327M")


def _kinds(mlx: Path, mlx_size: str, gguf: Path, gguf_size: str) -> dict[str, Kind]:
    entry = {"id": "m", "provider": "gguf", "config": {**gguf_config(gguf, 2), "n_ctx": 1024, "slots": SLOTS}}
    raw = ("gguf", str(gguf), "1024", str(SLOTS))
    return {
        f"MLX {mlx_size}, thread": (
            {"id": "m", "provider": "mlx", "config": {"model_path": str(mlx)}},
            ("mlx", str(mlx)),
        ),
        f"GGUF {gguf_size}, thread": ({**entry, "placement": "thread"}, raw),
        f"GGUF {gguf_size}, process": (entry, raw),
    }


def _post(server: Server, action: str) -> float:
    """Seconds of a call to `/v1/admin/models/m/…`."""
    request = urllib.request.Request(f"{server.base}/v1/admin/models/m/{action}", method="POST")
    began = time.perf_counter()
    urllib.request.urlopen(request, timeout=300).read()
    return time.perf_counter() - began


# ------------------------------------------------------------------ parts


def load(rounds: int) -> str:
    """A model that is loaded again: the library is imported already, the file is in the page cache.

    A worker that is a process starts anew each time, so it is compared with a fresh process of the library. The server
    has its next process wait from a second after a load on; each load here comes later than that.
    """
    return _loads(kinds(), rounds)


def large(rounds: int) -> str:
    """The same with models of several hundred megabytes."""
    return _loads(large_kinds(), rounds)


def _loads(found: dict[str, Kind], rounds: int) -> str:
    rows = []
    for label, (entry, raw) in found.items():
        ours, theirs = _rounds(entry, raw, label.endswith("process"), rounds)
        for name, turn in (("load, s", 0), ("load, CPU s", 1)):
            one, other = [pair[turn] for pair in ours], [pair[turn] for pair in theirs]
            rows.append(
                [name, label, spread(one, 3), spread(other, 3), _ratio(one, other), "<= 1.1" if not turn else ""]
            )
    return table(HEADER, rows)


def _rounds(entry: dict[str, Any], raw: tuple[str, ...], process: bool, rounds: int) -> tuple[list[Taken], list[Taken]]:
    """Interleaved loads by the server and by the library alone, the first of each left out: it imports the library."""
    ours, theirs = [], []
    library = None if process else RawLoads(*raw)
    with heylook([entry]) as server:
        for _ in range(rounds + 1):
            ours.append(_load(server))
            _post(server, "unload")
            time.sleep(PAUSE)
            theirs.append(fresh(*raw) if library is None else _again(library))
    if library is not None:
        library.close()
    return ours[1:], theirs[1:]


def _load(server: Server) -> Taken:
    before = server.tree_cpu_seconds()
    seconds = _post(server, "load")
    return seconds, server.tree_cpu_seconds() - before


def _again(library: RawLoads) -> Taken:
    before = library.cpu_seconds()
    seconds = library.seconds()
    return seconds, library.cpu_seconds() - before


def first(rounds: int) -> str:
    """The first load after the start of a server, against a fresh process that imports the library and loads."""
    rows = []
    for label, (entry, raw) in kinds().items():
        ours, theirs = [], []
        for _ in range(rounds):
            with heylook([entry]) as server:
                ours.append(_post(server, "load"))
            theirs.append(fresh(*raw)[0])
        rows.append(["first load, s", label, spread(ours, 3), spread(theirs, 3), _ratio(ours, theirs), "<= 1.1"])
    return table(HEADER, rows)


def swap(rounds: int) -> str:
    """From the request for another model to its first token, where only one may be loaded."""
    found = kinds()
    (mlx, _), (gguf, _) = found["MLX 76M, thread"], found["GGUF 88M, process"]
    models = [{**mlx, "id": "a"}, {**gguf, "id": "b"}]
    taken: dict[str, list[float]] = {"a": [], "b": []}
    with heylook(models, max_loaded_models=1) as server:
        for turn in range(rounds + 1):
            for name, seconds in taken.items():
                took = _token(server, name)
                if turn:
                    seconds.append(took)
    rows = [["MLX after GGUF", spread(taken["a"], 3)], ["GGUF after MLX", spread(taken["b"], 3)]]
    return table(["swap", "first token, s"], rows)


def _token(server: Server, model: str) -> float:
    body = f'{{"model": "{model}", "prompt": "x", "max_tokens": 1, "temperature": 0}}'.encode()
    request = urllib.request.Request(f"{server.base}/v1/completions", body, {"content-type": "application/json"})
    began = time.perf_counter()
    urllib.request.urlopen(request, timeout=300).read()
    return time.perf_counter() - began


def _ratio(ours: list[float], theirs: list[float]) -> str:
    return spread(ratios(ours, theirs), 3)


PARTS = {"load": load, "large": large, "first": first, "swap": swap, "models": catalogue.models, "scan": catalogue.scan}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        print(f"\n### {name}: {PARTS[name].__doc__}\n\n{PARTS[name](arguments.rounds)}", flush=True)


if __name__ == "__main__":
    main()
