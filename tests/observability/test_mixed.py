"""Five hundred requests at once, of every kind and with every kind of trouble: exactly five hundred records."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter

import httpx
import pytest

from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import Plugins
from heylook_core.sinks import Wanted, attached
from heylook_core.testkit.server import live_server, toy_settings

pytestmark = pytest.mark.integration

COUNT = 500
TEXT = [{"role": "user", "content": "hello"}]
CRASH = [{"role": "user", "content": "[toy:broken]"}]
ASKED = {
    "chat": ("/v1/chat/completions", {"model": "toy", "messages": TEXT, "max_tokens": 6}),
    "stream": ("/v1/chat/completions", {"model": "toy", "messages": TEXT, "max_tokens": 6, "stream": True}),
    "ollama": ("/api/chat", {"model": "toy", "messages": TEXT, "options": {"num_predict": 6}}),
    "embedding": ("/v1/embeddings", {"model": "toy", "input": "hello"}),
    "completion": ("/v1/completions", {"model": "toy", "prompt": "hello", "max_tokens": 6}),
    "unknown": ("/v1/chat/completions", {"model": "none", "messages": TEXT}),
    "wrong": ("/v1/chat/completions", {"model": "toy", "messages": 5}),
    "broken": ("/v1/chat/completions", {"model": "toy", "messages": CRASH}),
    "leaves": ("/v1/chat/completions", {"model": "toy", "messages": TEXT, "max_tokens": 4000, "stream": True}),
}
OUTCOMES = {"unknown": "failed", "wrong": "failed", "broken": "failed", "leaves": "cancelled"}


async def ask(client: httpx.AsyncClient, number: int, kind: str) -> None:
    path, body = ASKED[kind]
    headers = {"x-request-id": f"{kind}-{number}"}
    if kind != "leaves":
        await client.post(path, json=body, headers=headers)
        return
    async with client.stream("POST", path, json=body, headers=headers) as answer:
        with contextlib.suppress(StopAsyncIteration):
            await anext(answer.aiter_bytes())


async def crowd(url: str, kinds: list[str]) -> None:
    limits = httpx.Limits(max_connections=60)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(ask(client, number, kind) for number, kind in enumerate(kinds)))


class Heard:
    """What a plugin was told, in the order of the telling."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    @hookimpl
    def request_finished(self, record):
        self.ids.append(record.request_id)


def test_every_one_of_five_hundred_mixed_requests_leaves_exactly_one_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds = random.Random(7).choices(list(ASKED), k=COUNT)
    plugins, heard = Plugins(only=()), Heard()
    plugins.add("heard", heard)
    settings = toy_settings(server={"max_queue": 1000}, answer_tokens=4000, step_delay=0.0005)
    with attached([Wanted("jsonl", {})], plugins), live_server(settings, plugins) as server:
        asyncio.run(crowd(server.url, kinds))
        records = server.finishes.get(COUNT)
        server.wait(lambda: asyncio.sleep(0.3))
        metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
        assert len(server.finishes.get(0)) == COUNT
    assert sorted(record.request_id for record in records) == sorted(f"{k}-{n}" for n, k in enumerate(kinds))
    for record in records:
        assert record.outcome == OUTCOMES.get(record.request_id.partition("-")[0], "ok"), record
    assert heard.ids == [record.request_id for record in records]
    assert len((tmp_path / "logs" / "requests.jsonl").read_bytes().splitlines()) == COUNT
    counted = Counter()
    for line in metrics.splitlines():
        if line.startswith("heylook_requests_total{"):
            counted[line.partition('outcome="')[2].partition('"')[0]] += int(float(line.rsplit(" ", 1)[1]))
    assert counted == Counter(record.outcome for record in records)
