"""Short answers that are not streamed, ours and a FastAPI twin's, in interleaved rounds.

Counted per second of the server's own CPU time: the client is Python too and would be what a wall clock measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.servers import Server, free_port, heylook, started
from benchmarks.tables import ratios, spread, table

CONNECTIONS = 8
REQUESTS = 400

PAYLOAD = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": "say hello"}], "max_tokens": 8, "temperature": 0}
).encode()


def requests(rounds: int) -> str:
    """The twin has no model behind it, so neither has the web layer that it is compared with; the whole server is told.

    The twin runs in the Python that FASTAPI_PYTHON names, or this one; without fastapi there only ours is told.
    """
    with ExitStack() as stack:
        whole = stack.enter_context(heylook([{"id": "m", "provider": "scripted", "placement": "thread"}]))
        port = free_port()
        ours = stack.enter_context(started([sys.executable, "-m", "benchmarks.null_server", str(port)], port))
        twin = _twin(stack)
        rates: dict[Server, list[float]] = {server: [] for server in (ours, whole, twin) if server is not None}
        for server in rates:
            asyncio.run(rate(server, 20))
        for _ in range(rounds):
            for server, found in rates.items():
                found.append(asyncio.run(rate(server, REQUESTS)))
    rows = [["web layer and dialect alone", ours, ">= 2"], ["whole server, model in a thread", whole, "reported"]]
    cells = [
        [str(label), spread(rates[server], 0), *_beside(rates, server, twin), target] for label, server, target in rows
    ]
    return table(["what", "requests/CPU s", "FastAPI twin", "ratio", "target"], cells)


def _beside(rates: dict[Server, list[float]], server: Server, twin: Server | None) -> list[str]:
    if twin is None:
        return ["not installed", ""]
    return [spread(rates[twin], 0), spread(ratios(rates[server], rates[twin]))]


def _twin(stack: ExitStack) -> Server | None:
    python = os.environ.get("FASTAPI_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import fastapi, uvicorn"], capture_output=True).returncode:
        return None
    port = free_port()
    return stack.enter_context(
        started([python, "-P", str(Path(__file__).with_name("fastapi_twin.py")), str(port)], port)
    )


async def rate(server: Server, count: int) -> float:
    """Requests per CPU second of the server."""
    before = server.cpu_seconds()
    await asyncio.gather(*(_ask(server, count) for _ in range(CONNECTIONS)))
    return CONNECTIONS * count / max(server.cpu_seconds() - before, 0.01)


async def _ask(server: Server, count: int) -> None:
    """`count` requests, one after the other, over one connection."""
    parts = urlsplit(server.chat)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(PAYLOAD)}\r\n\r\n"
    )
    for _ in range(count):
        writer.write(head.encode() + PAYLOAD)
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer[:20]:
            raise RuntimeError(answer.decode(errors="replace"))
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
