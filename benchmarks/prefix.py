"""What prefix reuse gives, and what it costs when there is nothing to reuse.

python -m benchmarks.prefix [--rounds N] [--engine mlx | gguf] [shared | restart | mix | unique | quantised]…
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
import uuid
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

from benchmarks.client import Stream, stream
from benchmarks.gguf import config as gguf_config
from benchmarks.gguf_peers import llama_server
from benchmarks.http import LONG_TEXT, MODELS
from benchmarks.random_gguf import make_gguf
from benchmarks.random_models import make_small_mlx
from benchmarks.raw import first_token, load
from benchmarks.servers import Server, heylook
from benchmarks.tables import ratios, spread, table
from heylook_core.engine import Snapshot
from heylook_core.provider import Model

HEADER = ["measure", "engine", "with", "without", "ratio", "target"]
FIRST_HEADER = ["first token s", "engine", "shared", "new", "ratio", "of CPU s", "the engine alone", "target"]
SYSTEM = LONG_TEXT * 6
OTHER_TEXT = "the lazy dog jumps over the quick brown fox. "
# Letters of a prompt of about 2,000 tokens: a byte is a token of the random GGUF, MLX's vocabulary has words.
LETTERS = {"MLX 10M": 3400, "GGUF 88M": 1980}


def engines(only: str | None) -> dict[str, dict[str, Any]]:
    """Label to models.yaml entry, for contexts of a little over 2,000 tokens."""
    path = make_gguf(MODELS, "f16")
    found = {
        "MLX 10M": {"id": "m", "provider": "mlx", "config": {"model_path": str(make_small_mlx(MODELS / "mlx-10m"))}},
        "GGUF 88M": {"id": "m", "provider": "gguf", "config": {**gguf_config(path, 1), "n_ctx": 4096, "slots": 2}},
    }
    return {label: entry for label, entry in found.items() if only in (None, entry["provider"])}


def prompt(start: str, letters: int, other: int = 0) -> list[dict[str, str]]:
    """One user message of `letters` letters that begins with `start`; its last `other` letters are another text."""
    body = start + LONG_TEXT * (letters // len(LONG_TEXT) + 1)
    tail = OTHER_TEXT * (other // len(OTHER_TEXT) + 1)
    return [{"role": "user", "content": body[: letters - other] + tail[:other]}]


class Asked(NamedTuple):
    """A streamed answer of two tokens, and what the server and its workers spent on it in seconds of CPU."""

    answer: Stream
    cpu: float


def asked(server: Server, messages: list[dict[str, str]]) -> Asked:
    body = {"model": "m", "messages": messages, "max_tokens": 2, "temperature": 0, "ignore_eos": True}
    before = server.tree_cpu_seconds()
    answer = asyncio.run(stream(server.chat, body))
    return Asked(answer, server.tree_cpu_seconds() - before)


def warm_up(server: Server) -> None:
    """Loads the model, and lets the pace learn its speed."""
    asked(server, prompt("warm", 400))


# ------------------------------------------------------------------ parts


class FirstTokens:
    """First tokens of prompts that begin like an earlier one, and of such as share nothing.

    `alone` are the ratios of CPU seconds of the engine without a server: the least that is possible where the rest of
    the prompt has to be computed.
    """

    def __init__(self) -> None:
        self.warm: list[Asked] = []
        self.cold: list[Asked] = []
        self.alone: list[float] = []

    def add(self, again: Asked, new: Asked) -> None:
        self.warm.append(again)
        self.cold.append(new)

    def row(self, measure: str, engine: str, target: str) -> list[str]:
        last = self.warm[-1].answer
        firsts = [[one.answer.first for one in side] for side in (self.warm, self.cold)]
        used = [[one.cpu for one in side] for side in (self.warm, self.cold)]
        cells = [*(spread(side) for side in firsts), _ratio(*firsts), _ratio(*used)]
        alone = spread(self.alone, 3) if self.alone else ""
        return [f"{last.cached} of {last.prompt} tokens {measure}", engine, *cells, alone, target]


def shared(rounds: int, only: str | None) -> str:
    """A prompt of which 90 % of the tokens were read before, and one of which all but some 30 were."""
    rows = []
    for label, entry in engines(only).items():
        letters = LETTERS[label]
        most, nearly = FirstTokens(), FirstTokens()
        model = load(entry["provider"], entry["config"])
        with heylook([entry]) as server:
            warm_up(server)
            for _ in range(rounds):
                start = uuid.uuid4().hex
                new = asked(server, prompt(start, letters))
                ids = [(index * 7) % (model.info.vocabulary - 10) + 5 for index in range(new.answer.prompt)]
                whole, kept = first_token(model, ids)
                for found, other in ((most, letters // 10 - 12), (nearly, letters // 200)):
                    again = asked(server, prompt(start, letters, other))
                    found.add(again, new)
                    found.alone.append(_rest(model, ids, kept, again.answer.cached) / whole)
                kept.drop()
        model.close()
        rows += [most.row("shared", label, "<= 0.1"), nearly.row("shared", label, "")]
    return table(FIRST_HEADER, rows)


def _rest(model: Model, ids: list[int], kept: Snapshot, n: int) -> float:
    """CPU seconds of a prompt that shares its first `n` tokens with a kept one."""
    seconds, snapshot = first_token(model, ids[:n] + ids[n:][::-1], kept.cut(n))
    snapshot.drop()
    return seconds


def restart(rounds: int, only: str | None) -> str:
    """The same after the server was stopped and started again, with the disk tier."""
    rows = []
    for label, entry in engines(only).items():
        letters = LETTERS[label]
        found = FirstTokens()
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                tier = {"name": "disk", "config": {"folder": folder}}
                start = uuid.uuid4().hex
                with heylook([entry], prefix_tier=tier) as server:
                    warm_up(server)
                    new = asked(server, prompt(start, letters))
                with heylook([entry], prefix_tier=tier) as server:
                    warm_up(server)
                    found.add(asked(server, prompt(start, letters, letters // 10 - 12)), new)
        rows.append(found.row("shared, after a restart", label, "<= 0.2"))
    return table(FIRST_HEADER, rows)


def mix(rounds: int, only: str | None) -> str:
    """24 conversations of 4 turns over 8 slots, one system prompt for all, against llama-server."""
    if not shutil.which("llama-server"):
        return "llama-server is not on the PATH."
    path = make_gguf(MODELS, "f16")
    config = {**gguf_config(path), "slots": 8}
    ours, theirs, equal = [], [], []
    cpu: tuple[list[float], list[float]] = [], []
    with ExitStack() as stack:
        mine = stack.enter_context(heylook([{"id": "m", "provider": "gguf", "config": config}]))
        peer = stack.enter_context(llama_server(path))
        for turn in range(rounds):
            began = mine.tree_cpu_seconds(), peer.tree_cpu_seconds()
            seconds, texts = asyncio.run(_conversations(mine, turn))
            other_seconds, other_texts = asyncio.run(_conversations(peer, turn))
            cpu[0].append(mine.tree_cpu_seconds() - began[0])
            cpu[1].append(peer.tree_cpu_seconds() - began[1])
            ours.append(seconds)
            theirs.append(other_seconds)
            equal.append(sum(a == b for a, b in zip(texts, other_texts, strict=True)) / len(texts))
    row = ["total s, 24 x 4 turns", "GGUF 88M", spread(ours, 1), spread(theirs, 1), _ratio(ours, theirs), "<= 0.83"]
    used = ["CPU s, the same", "GGUF 88M", spread(cpu[0], 1), spread(cpu[1], 1), _ratio(*cpu), ""]
    return f"{table(HEADER, [row, used])}\n\nEqual answers: {spread(equal)} of 96 (the other side is llama-server)."


async def _conversations(server: Server, turn: int) -> tuple[float, list[str]]:
    """Every conversation goes on as soon as it has its answer; at most 8 requests at once."""
    places = asyncio.Semaphore(8)
    texts: list[list[str]] = [[] for _ in range(24)]

    async def talk(number: int) -> None:
        messages = [{"role": "system", "content": f"{turn} {SYSTEM}"}]
        for question in range(4):
            messages.append({"role": "user", "content": f"conversation {number}, question {question}"})
            body = {"model": "m", "messages": messages, "max_tokens": 16, "temperature": 0}
            async with places:
                answer = (await stream(server.chat, body, read_text=True)).text
            texts[number].append(answer)
            messages.append({"role": "assistant", "content": answer})

    began = time.perf_counter()
    await asyncio.gather(*map(talk, range(24)))
    return time.perf_counter() - began, [text for one in texts for text in one]


def unique(rounds: int, only: str | None) -> str:
    """Requests of which none shares anything, with the cache on and off."""
    rows = []
    for label, entry in engines(only).items():
        rates: dict[str, list[float]] = {"on": [], "off": []}
        with ExitStack() as stack:
            servers = {
                "on": stack.enter_context(heylook([entry])),
                "off": stack.enter_context(heylook([entry], prefix_cache_bytes=0)),
            }
            for server in servers.values():
                warm_up(server)
            for _ in range(rounds):
                for name, server in servers.items():
                    rates[name].append(asyncio.run(_unique(server)))
        ratio = _ratio(rates["on"], rates["off"])
        rows.append(["requests/s, nothing shared", label, spread(rates["on"]), spread(rates["off"]), ratio, ">= 0.98"])
    return table(HEADER, rows)


async def _unique(server: Server) -> float:
    began = time.perf_counter()
    for _ in range(6):
        body = {"model": "m", "messages": prompt(uuid.uuid4().hex, 400), "max_tokens": 8, "temperature": 0}
        await stream(server.chat, body)
    return 6 / (time.perf_counter() - began)


def quantised(rounds: int, only: str | None) -> str:
    """Bytes of KV that a model holds for the same tokens, in 8 and in 16 bits; MLX computes in float16 for it."""
    path = make_gguf(MODELS, "f16")
    plain = {**gguf_config(path), "n_ctx": 1024, "slots": 1}
    mlx = {"model_path": str(make_small_mlx(MODELS / "mlx-10m"))}
    kinds = {
        "GGUF 88M": ("gguf", {**plain, "type_k": "q8_0", "type_v": "q8_0"}, plain),
        "MLX 10M float16": (
            "mlx",
            {**mlx, "dtype": "float16", "kv_bits": 8, "quantized_kv_start": 0},
            {**mlx, "dtype": "float16"},
        ),
    }
    rows = []
    for label, (provider, small, large) in kinds.items():
        if only not in (None, provider):
            continue
        sizes = []
        for settings in (small, large):
            model = load(provider, settings)
            _, snapshot = first_token(model, [index % 200 + 5 for index in range(700)])
            sizes.append(sum(buffer.nbytes for buffer in snapshot.export()[1]) / 1e6)
            with suppress(Exception):
                model.close()
        rows.append(
            ["MB of 700 tokens", label, f"{sizes[0]:.2f}", f"{sizes[1]:.2f}", f"{sizes[0] / sizes[1]:.2f}", "<= 0.55"]
        )
    return table(HEADER, rows)


def _ratio(ours: list[float], theirs: list[float]) -> str:
    return spread(ratios(ours, theirs), 3)


PARTS = {"shared": shared, "restart": restart, "mix": mix, "unique": unique, "quantised": quantised}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=["mlx", "gguf"], help="the other one is left out; `mix` is GGUF alone")
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        print(f"\n### {name}: {PARTS[name].__doc__}\n\n{PARTS[name](arguments.rounds, arguments.engine)}", flush=True)


if __name__ == "__main__":
    main()
