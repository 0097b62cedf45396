"""A streaming client that costs next to nothing, so that the server is what is measured."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

CONTENT = re.compile(rb'"content": ?"(?!")')
COUNTS = (b'"completion_tokens":', b'"eval_count":')  # OpenAI's name and Ollama's; the last one counts


@dataclass
class Stream:
    """One streamed answer: when it was asked for, when each piece came (seconds), tokens as the server counted.

    `prompt` and `cached` are the tokens of the prompt and those of them that were reused; 0 where it does not say.
    """

    asked: float
    pieces: list[float] = field(default_factory=list)
    tokens: int = 0
    prompt: int = 0
    cached: int = 0
    text: str = ""

    @property
    def first(self) -> float:
        return self.pieces[0] - self.asked

    @property
    def worst_gap(self) -> float:
        return max((b - a for a, b in zip(self.pieces, self.pieces[1:], strict=False)), default=0.0)


async def stream(url: str, body: dict[str, Any], *, read_text: bool = False) -> Stream:
    """POST a chat request with `stream: true` and read it to its end. Raises RuntimeError for an error status."""
    parts = urlsplit(url)
    payload = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
    )
    found = Stream(time.perf_counter())
    writer.write(head.encode() + payload)
    data = bytearray()
    while piece := await reader.read(1 << 16):
        if CONTENT.search(piece):
            found.pieces.append(time.perf_counter())
        data += piece
    writer.close()
    if b" 200 " not in data[:20]:
        raise RuntimeError(data.decode(errors="replace")[:2000])
    found.tokens = _completion_tokens(bytes(data))
    found.prompt, found.cached = _last_count(data, b'"prompt_tokens":'), _last_count(data, b'"cached_tokens":')
    if read_text:
        found.text = _text(bytes(data))
    return found


def _completion_tokens(data: bytes) -> int:
    """As the server counted; where it does not say, the pieces with text."""
    return next((_last_count(data, name) for name in COUNTS if name in data), len(CONTENT.findall(data)))


def _last_count(data: bytes | bytearray, name: bytes) -> int:
    """The number after the last `name`; 0 where there is none."""
    found = re.match(rb" *(\d+)", data[data.rfind(name) + len(name) :]) if name in data else None
    return int(found[1]) if found else 0


def _text(data: bytes) -> str:
    chunks = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]
    return "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"] if "delta" in choice
    )


@dataclass
class Load:
    """Several streams at once: seconds until the last ended, tokens of all."""

    seconds: float
    streams: list[Stream]

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.streams)

    @property
    def rate(self) -> float:
        """Tokens a second over all streams."""
        return self.tokens / self.seconds

    @property
    def first_p50(self) -> float:
        firsts = sorted(one.first for one in self.streams)
        return firsts[len(firsts) // 2]


async def together(url: str, bodies: list[dict[str, Any]]) -> Load:
    """All requests at the same time."""
    started = time.perf_counter()
    streams = await asyncio.gather(*(stream(url, body) for body in bodies))
    return Load(time.perf_counter() - started, list(streams))
