"""Loading a model with its library alone, in a process of its own.

    python -m benchmarks.raw_load mlx FOLDER
    python -m benchmarks.raw_load gguf FILE CONTEXT SLOTS

reads lines from standard input and answers each with the seconds that one load took; what was loaded is given
back then. Before the first one nothing of the library is imported, so that it is told apart.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.servers import environment


class RawLoads:
    """A child process that runs this module. `seconds` is one load more."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.raw_load", *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )

    def seconds(self) -> float:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the raw loads have no pipes")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(20)


def fresh(*arguments: str) -> float:
    """Seconds of a process that starts, imports the library, loads once and is ready to compute."""
    began = time.perf_counter()
    loads = RawLoads(*arguments)
    loads.seconds()
    took = time.perf_counter() - began
    loads.close()
    return took


def mlx(folder: str) -> Callable[[], object]:
    import mlx.core as mx
    import mlx_lm

    model, tokenizer = mlx_lm.load(folder)
    mx.eval(model.parameters(), model(mx.array([[0]])))
    return lambda: (model, tokenizer)


def gguf(path: str, context: str, slots: str) -> Callable[[], object]:
    import llama_cpp

    c = llama_cpp.llama_cpp
    weights = c.llama_model_load_from_file(path.encode(), c.llama_model_default_params())
    params = c.llama_context_default_params()
    params.n_ctx, params.n_seq_max = int(context) * int(slots), int(slots)
    made = c.llama_init_from_model(weights, params)

    def release() -> None:
        c.llama_free(made)
        c.llama_model_free(weights)

    return release


def main(kind: str, *arguments: str) -> None:
    load = {"mlx": mlx, "gguf": gguf}[kind]
    for _ in sys.stdin:
        began = time.perf_counter()
        loaded = load(*arguments)
        took = time.perf_counter() - began
        if kind == "gguf":
            loaded()
        del loaded
        gc.collect()
        print(took, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
