"""The raw engine loop in a process of its own: what a backend gives without any server around it.

    python -m benchmarks.raw PROVIDER CONFIG_JSON

reads lines `STREAMS TOKENS PROMPT_TOKENS` from standard input and answers each with the seconds it took, by the
clock and of CPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import msgspec

from benchmarks.servers import environment
from heylook_core.engine import Budget, SequenceTask, Snapshot, Token
from heylook_core.messages import SamplerSettings
from heylook_core.plugins import Plugins
from heylook_core.provider import Model, ModelSpec

GREEDY = SamplerSettings(temperature=0.0)


def load(provider: str, config: dict[str, Any]) -> Model:
    cls = Plugins().load("heylook.providers", provider)
    model = cls(ModelSpec(id="raw", provider=provider, config=config), msgspec.convert(config, cls.Config)).load()
    if model is None:
        raise SystemExit(f"{provider} is not a token engine")
    return model


def seconds(model: Model, streams: int, tokens: int, prompt: int) -> float:
    """Insert everything, step until all have ended; no prefix reuse, no text."""
    engine = model.lanes()[0]
    started = time.perf_counter()
    for sid in range(streams):
        ids = [(sid * 13 + index * 7) % (model.info.vocabulary - 10) + 5 for index in range(prompt)]
        engine.insert(SequenceTask(sid, ids, limit=tokens, sampling=GREEDY))
    open_rows = streams
    while open_rows:
        for out in engine.step(Budget(4096)):
            if isinstance(out, Token) and out.end is not None:
                engine.remove(out.sid, keep=False)
                open_rows -= 1
    return time.perf_counter() - started


def first_token(model: Model, tokens: list[int], prefix: Snapshot | None = None) -> tuple[float, Snapshot]:
    """CPU seconds from inserting a prompt to its first token, and what is kept of it; `prefix` is how it begins."""
    engine = model.lanes()[0]
    cut = len(prefix.tokens) if prefix is not None else 0
    started = time.process_time()
    engine.insert(SequenceTask(1, tokens, limit=1, sampling=GREEDY, prefix=prefix, cut=cut))
    while not any(isinstance(out, Token) for out in engine.step(Budget(4096))):
        pass
    taken = time.process_time() - started
    kept = engine.remove(1, keep=True)
    if kept is None:
        raise SystemExit("the engine keeps nothing of a prompt")
    return taken, kept


class RawLoop:
    """Asks a child process that runs this module."""

    def __init__(self, provider: str, config: dict[str, Any]) -> None:
        command = [sys.executable, "-m", "benchmarks.raw", provider, json.dumps(config)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    def rate(self, streams: int, tokens: int, prompt: int) -> float:
        """Tokens a second over all rows, prefill included."""
        return self.rate_and_cpu(streams, tokens, prompt)[0]

    def rate_and_cpu(self, streams: int, tokens: int, prompt: int) -> tuple[float, float]:
        """`rate`, and milliseconds of CPU per token."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the raw loop has no pipes")
        self._process.stdin.write(f"{streams} {tokens} {prompt}\n")
        self._process.stdin.flush()
        clock, cpu = map(float, self._process.stdout.readline().split())
        return streams * tokens / clock, cpu * 1e3 / (streams * tokens)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(20)


def main(provider: str, config: str) -> None:
    model = load(provider, json.loads(config))
    seconds(model, 1, 4, 16)
    for line in sys.stdin:
        streams, tokens, prompt = map(int, line.split())
        before = time.process_time()
        clock = seconds(model, streams, tokens, prompt)
        print(clock, time.process_time() - before, flush=True)
    model.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
