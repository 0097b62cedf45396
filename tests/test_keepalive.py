"""A long silence before the first token carries `: keepalive` lines, and the client survives it.

By pytest, on a short silence. As a command on a real one, `python tests/test_keepalive.py [URL [MODEL]]`: 40
seconds of prompt reading, a keepalive each 10. Without a URL it starts its own server with the toy model.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import httpx
import openai
import pytest

from heylook_core.testkit.server import live_server, toy_settings

pytestmark = pytest.mark.integration


def silence(url: str, model: str, prompt: str) -> list[tuple[float, str]]:
    """Seconds since the request and text of each line of a streamed answer, empty ones left out."""
    body = {"model": model, "stream": True, "max_tokens": 8, "messages": [{"role": "user", "content": prompt}]}
    started = time.monotonic()
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=300) as answer:
        answer.raise_for_status()
        return [(time.monotonic() - started, line) for line in answer.iter_lines() if line]


def keepalives(lines: Sequence[tuple[float, str]]) -> list[float]:
    """When the keepalive lines came. Raises AssertionError if the answer after them is not complete."""
    assert lines[-1][1] == "data: [DONE]", lines[-1]
    assert any('"content":"' in line for _, line in lines)
    return [at for at, line in lines if line.startswith(": keepalive")]


def test_silent_prompt_phase_delivers_keepalives():
    with live_server(toy_settings(server={"keepalive": 0.2})) as server:
        lines = silence(server.url, "toy", "[toy:prompt=1.1]")
    assert len(keepalives(lines)) >= 4


def test_official_client_survives_the_silence():
    with (
        live_server(toy_settings(server={"keepalive": 0.1})) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="any") as client,
        client.chat.completions.stream(
            model="toy", messages=[{"role": "user", "content": "[toy:prompt=0.5] hello"}]
        ) as stream,
    ):
        answer = stream.get_final_completion()
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content


def main(arguments: Sequence[str]) -> int:
    if arguments:
        lines = silence(arguments[0], arguments[1] if len(arguments) > 1 else "toy", "[toy:prompt=40]")
    else:
        with live_server(toy_settings()) as server:
            lines = silence(server.url, "toy", "[toy:prompt=40]")
    times = keepalives(lines)
    sys.stdout.write(f"keepalive lines at {', '.join(f'{at:.1f}' for at in times)} s; the answer is complete\n")
    return 0 if arguments or len(times) >= 3 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
