"""Loading a model with its library alone, in a process of its own.

    python -m benchmarks.raw_load mlx FOLDER
    python -m benchmarks.raw_load gguf FILE CONTEXT SLOTS

reads lines from standard input and answers each with the seconds that one load took. What was loaded is given back to
the system then, as the server does when it unloads, so that the next load has to ask for memory anew on both sides.
Before the first one nothing of the library is imported, so that it is told apart.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable


class RawLoads:
    """A child process that runs this module. `seconds` is one load more."""

    def __init__(self, *arguments: str) -> None:
        from benchmarks.servers import environment

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

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        from benchmarks.servers import cpu_seconds_of

        return cpu_seconds_of(self._process.pid)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(20)


def fresh(*arguments: str) -> tuple[float, float]:
    """Seconds and CPU seconds of a process that starts, imports the library, loads once and is ready to compute."""
    began = time.perf_counter()
    loads = RawLoads(*arguments)
    loads.seconds()
    took, cpu = time.perf_counter() - began, loads.cpu_seconds()
    loads.close()
    return took, cpu


def mlx(folder: str) -> Callable[[], object]:
    import mlx.core as mx
    import mlx_lm

    loaded = [mlx_lm.load(folder)]
    model = loaded[0][0]
    mx.eval(model.parameters(), model(mx.array([[0]])))
    del model

    def release() -> None:
        loaded.clear()
        gc.collect()
        mx.clear_cache()

    return release


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
    """Nothing of ours is imported before the first load: a process that does not serve would not have it."""
    load = {"mlx": mlx, "gguf": gguf}[kind]
    for _ in sys.stdin:
        began = time.perf_counter()
        release = load(*arguments)
        print(time.perf_counter() - began, flush=True)
        release()
        _trim_heaps()


def _trim_heaps() -> None:
    from heylook_core.workers.thread import trim_heaps

    trim_heaps()


if __name__ == "__main__":
    main(*sys.argv[1:])
