"""Requests of a provider without an engine that wait for one of its threads, and are cancelled while they do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from heylook_core.messages import (
    ChatRequest,
    Event,
    Finished,
    Message,
    Text,
    TextPart,
    Timings,
    Usage,
)
from heylook_core.provider import ModelInfo, ModelSpec, Provider
from heylook_core.spoken import TranscribeOptions
from heylook_core.workers.protocol import Call, Cancel, FromWorker, Lease, Load, Ready, Submit, Transcribe, Turn, Unload
from heylook_core.workers.speech import FILES
from heylook_core.workers.waiting import WaitingLine
from heylook_core.workers.worker import Worker

pytestmark = pytest.mark.integration

SECONDS = 60.0


class Slow(Provider):
    """Answers once `gate` is open."""

    gate: threading.Event
    running: list[object]

    def load(self) -> None:
        return None

    def info(self) -> ModelInfo:
        return ModelInfo(context=0, capabilities=("chat", "transcribe"))

    def chat(self, request: ChatRequest, cancelled: threading.Event) -> Iterator[Event]:
        self.running.append(request)
        self.gate.wait(SECONDS)
        yield Text(0, "done")
        yield Finished(0, "stop", Usage(), Timings())

    def transcribe(self, blocks: Any, options: TranscribeOptions) -> Iterator[Any]:
        self.running.append(options)
        self.gate.wait(SECONDS)
        return iter(())


class Served:
    """A worker on a thread, and what it has sent."""

    def __init__(self) -> None:
        class Gated(Slow):
            gate = threading.Event()
            running: list[object] = []
            concurrency = FILES

        self.provider = Gated
        self.sent: list[FromWorker] = []
        load = Load(1, ModelSpec(id="m", provider="slow"), Lease())
        self.worker = Worker(load, lambda group, name: Gated, self.sent.append)
        self.thread = threading.Thread(target=self.worker.run)
        self.thread.start()
        self.until(lambda: any(isinstance(message, Ready) for message in self.sent))

    def until(self, condition: Any) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.005)

    def ends(self) -> dict[int, str]:
        turns = [message for message in self.sent if isinstance(message, Turn)]
        items = [(rid, event) for turn in turns for rid, events in turn.items for event in events]
        return {rid: event.reason for rid, event in items if isinstance(event, Finished)}


def chat(rid: int) -> Submit:
    return Submit(rid, ChatRequest(model="m", messages=(Message("user", (TextPart("x"),)),)))


def file(rid: int) -> Call:
    return Call(rid, Transcribe(TranscribeOptions()))


def test_a_file_that_is_cancelled_just_before_it_waits_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put = WaitingLine.put

    def cancelled_meanwhile(line: WaitingLine, rid: int, *work: Any) -> None:
        if rid == 99:
            served.worker.receive(Cancel(99))
            served.until(lambda: served.worker._speech._intakes[99].cancelled)  # type: ignore[union-attr]
        put(line, rid, *work)

    served = Served()
    monkeypatch.setattr(WaitingLine, "put", cancelled_meanwhile)
    try:
        for rid in range(FILES):
            served.worker.receive(file(rid))
        served.until(lambda: len(served.provider.running) == FILES)
        served.worker.receive(file(99))
        served.until(lambda: 99 in served.ends())
        assert served.ends() == {99: "cancelled"}
    finally:
        served.provider.gate.set()
        served.worker.receive(Unload())
        served.thread.join(SECONDS)


@pytest.mark.parametrize("request_of", [chat, file])
def test_one_that_waits_for_a_thread_ends_at_once_and_never_runs(request_of: Any) -> None:
    served = Served()
    try:
        for rid in range(FILES):
            served.worker.receive(request_of(rid))
        served.until(lambda: len(served.provider.running) == FILES)
        served.worker.receive(request_of(99))
        served.worker.receive(Cancel(99))
        served.until(lambda: 99 in served.ends())
        assert served.ends() == {99: "cancelled"}
        served.provider.gate.set()
        served.until(lambda: len(served.ends()) == FILES + 1)
        assert len(served.provider.running) == FILES
    finally:
        served.provider.gate.set()
        served.worker.receive(Unload())
        served.thread.join(SECONDS)
    assert not served.thread.is_alive()
