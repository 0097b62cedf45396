"""How long a running answer stands still while a long prompt is read, and how soon a cancelled prompt is gone."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from benchmarks.http import body
from benchmarks.raw import GREEDY
from benchmarks.servers import Server
from heylook_core.batching.pace import PrefillPace
from heylook_core.engine import Budget, Out, Prefilled, SequenceTask, Token
from heylook_core.provider import Model

LONG_PROMPT = 1500
WHOLE = 4096


def worst_gap(model: Model, pace: PrefillPace | None, turn: int) -> float:
    """The longest pause of an answer, in seconds, while 1,500 prompt tokens are read: by `pace`, or in one piece."""
    engine = model.lanes()[0]
    engine.insert(SequenceTask(1, list(range(300, 310)), limit=400, sampling=GREEDY))
    tokens_at: list[float] = []
    inserted = long_done = False
    while not long_done or len(tokens_at) < 20:
        if len(tokens_at) == 10 and not inserted:
            engine.insert(SequenceTask(2, _long_prompt(model.info.vocabulary, turn), limit=1, sampling=GREEDY))
            inserted = True
        outs = _step(model, pace, bool(tokens_at))
        now = time.perf_counter()
        found = [out.sid for out in outs if isinstance(out, Token)]
        tokens_at += [now] if 1 in found else []
        long_done = long_done or 2 in found
    engine.remove(1, keep=False)
    engine.remove(2, keep=False)
    return max(later - earlier for earlier, later in pairwise(tokens_at[5:]))


def _long_prompt(vocabulary: int, turn: int) -> list[int]:
    return [300 + (turn * 7 + index * 13) % (vocabulary - 300) for index in range(LONG_PROMPT)]


def _step(model: Model, pace: PrefillPace | None, decoding: bool) -> list[Out]:
    """One step, from which the pace learns as in the core's loop."""
    engine = model.lanes()[0]
    if pace is None:
        return engine.step(Budget(WHOLE))
    budget = pace.budget(decoding)
    begun = time.perf_counter()
    outs = engine.step(Budget(budget))
    read = sum(out.done for out in outs if isinstance(out, Prefilled))
    pace.learn(time.perf_counter() - begun, min(budget, read), decoding)
    return outs


def cancelled(server: Server, model: str, turn: int) -> float:
    """Seconds from the moment a client leaves in the middle of a long prompt until its slot is free."""
    parts = urlsplit(server.chat)
    payload = json.dumps(body(model, f"{turn} " + "x" * LONG_PROMPT, 8, stream=True)).encode()
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as client:
        client.sendall(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
        _wait_until(server, model, 1)
        time.sleep(0.1)
    left = time.perf_counter()
    _wait_until(server, model, 0)
    return time.perf_counter() - left


def _wait_until(server: Server, model: str, count: int) -> None:
    """Until the server counts so many running requests of a model. Raises RuntimeError after a minute."""
    deadline = time.monotonic() + 60
    while in_flight(server, model) != count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{in_flight(server, model)} requests run on {model}, {count} were expected")


def in_flight(server: Server, model: str) -> int:
    """Requests that the server counts as running on a model."""
    with urllib.request.urlopen(f"{server.base}/health", timeout=60) as answer:
        states: list[dict[str, Any]] = json.load(answer)["models"]
    return sum(int(state["in_flight"]) for state in states if state["id"] == model)
