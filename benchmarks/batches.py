"""What `processing_mode: parallel` is worth: one request with several groups, run side by side and one by one."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterable
from typing import Any

from benchmarks.servers import Server, heylook
from benchmarks.tables import ratios, spread, table

GROUPS = 8
TOKENS = 16

Engine = tuple[str, str, dict[str, Any], int]


def batches(rounds: int, engines: Iterable[Engine]) -> str:
    """Seconds of a whole batch; the groups are short and differ from their first word on, so nothing is reused."""
    rows = []
    for label, provider, config, _ in engines:
        with heylook([{"id": "m", "provider": provider, "config": config}]) as server:
            _seconds(server, "parallel", -1)
            beside, in_turn = [], []
            for turn in range(rounds):
                in_turn.append(_seconds(server, "sequential", 2 * turn))
                beside.append(_seconds(server, "parallel", 2 * turn + 1))
        rows.append([label, str(GROUPS), spread(in_turn), spread(beside), spread(ratios(in_turn, beside))])
    return table(["engine", "groups", "sequential, s", "parallel, s", "speed-up"], rows)


def _seconds(server: Server, mode: str, turn: int) -> float:
    said = [{"role": "user", "content": f"{turn} {group} go on"} for group in range(GROUPS)]
    asked = {"model": "m", "messages": said, "processing_mode": mode, "max_tokens": TOKENS, "ignore_eos": True}
    data = json.dumps({**asked, "temperature": 0}).encode()
    request = urllib.request.Request(server.chat, data, {"Content-Type": "application/json"})
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=300) as reply:
        found = json.load(reply)
    seconds = time.perf_counter() - started
    if found["usage"]["completion_tokens"] != GROUPS * TOKENS:
        raise RuntimeError(f"{found['usage']} instead of {GROUPS} x {TOKENS} tokens")
    return seconds
