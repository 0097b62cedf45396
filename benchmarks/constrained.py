"""What a JSON schema costs per token on the demo model, against free text of the same length."""

from __future__ import annotations

import json
import urllib.request
from importlib.util import find_spec
from typing import Any

from benchmarks.servers import Server, heylook
from benchmarks.tables import ratios, spread, table

TOKENS = 160
SCHEMA = {
    "type": "object",
    "properties": {
        "numbers": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "minItems": 80},
    },
    "required": ["numbers"],
}


def constrained(rounds: int) -> str:
    """Milliseconds per token as the engine measured them, alone on the server; both end at the limit."""
    rows = []
    with heylook([]) as server:
        for model, package in (("heylook-demo", "heylook_mlx"), ("heylook-demo-gguf", "heylook_gguf")):
            if find_spec(package) is None or find_spec("heylook_demo_model") is None:
                continue
            schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
            _cost(server, model, {})
            _cost(server, model, {"response_format": schema})
            free, bound = [], []
            for _ in range(rounds):
                free.append(_cost(server, model, {}))
                bound.append(_cost(server, model, {"response_format": schema}))
            rows.append([model, spread(free), spread(bound), spread(ratios(bound, free)), "<= 1.05"])
    return table(["model", "free, ms/token", "schema, ms/token", "ratio", "target"], rows)


def _cost(server: Server, model: str, more: dict[str, Any]) -> float:
    said = [{"role": "user", "content": "Count from 1 to 99."}]
    asked = {"model": model, "messages": said, "max_tokens": TOKENS, "temperature": 0, "reasoning_effort": "none"}
    data = json.dumps({**asked, "ignore_eos": not more, "include_performance": True, **more}).encode()
    request = urllib.request.Request(server.chat, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return 1e3 / float(json.load(reply)["performance"]["generation_tps"])
