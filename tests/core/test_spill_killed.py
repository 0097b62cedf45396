"""A server is killed while it writes prefixes to disk: the next one starts, answers alike, and finds what is whole."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from heylook_core.settings import ModelEntry, ServerSettings, Settings, TierSettings
from heylook_core.testkit.server import ServerProcess, server_process

pytest.importorskip("heylook_disk_cache", reason="the disk tier is not installed")

LONG = "tell me everything about the sea and the ships on it " * 12
PATIENCE = 30.0


def settings(folder: Path, placement: str) -> Settings:
    """Memory for about one prefix, so that every answer sends another one to the disk."""
    entry = ModelEntry(id="toy", provider="toy", placement=placement)  # type: ignore[arg-type]
    tier = TierSettings(name="disk", config={"folder": str(folder)})
    server = ServerSettings(port=0)
    return Settings(models=(entry,), server=server, prefix_cache_bytes=60_000, prefix_tier=tier)


def asked(server: ServerProcess, number: int) -> tuple[str, int]:
    """The answer, and how many tokens of its prompt were reused."""
    messages = [{"role": "user", "content": f"{number} {LONG}"}]
    body = {"model": "toy", "messages": messages, "max_tokens": 8, "temperature": 0}
    answer = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
    assert answer.status_code == 200
    usage = answer.json()["usage"]
    return answer.json()["choices"][0]["message"]["content"], usage["prompt_tokens_details"]["cached_tokens"]


def asked_until_killed(server: ServerProcess) -> None:
    try:
        for number in range(1000):
            asked(server, number)
    except httpx.HTTPError:
        return
    raise AssertionError("the server was not killed")


@pytest.mark.integration
@pytest.mark.parametrize("placement", ["thread", "process"])
def test_what_a_killed_server_wrote_is_found_by_the_next_one(tmp_path: Path, placement: str) -> None:
    with server_process(settings(tmp_path, placement)) as first, ThreadPoolExecutor(1) as pool:
        expected = [asked(first, number)[0] for number in range(6)]
        traffic = pool.submit(asked_until_killed, first)
        time.sleep(0.2)
        first.signal(signal.SIGKILL)
        traffic.result(PATIENCE)
    with server_process(settings(tmp_path, placement)) as second:
        assert [asked(second, number)[0] for number in range(6)] == expected
        deadline = time.monotonic() + PATIENCE
        while asked(second, 0)[1] < len(LONG):
            assert time.monotonic() < deadline, "the disk tier was not used again"
            for number in range(1, 4):
                asked(second, number)
        assert not list(tmp_path.glob("*/*.partial"))
