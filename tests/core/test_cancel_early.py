"""A request that is cancelled before the engine has it ends like any other: once, with a last event."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from queue import SimpleQueue

import pytest

from heylook_core.batching.loop import TurnLoop
from heylook_core.messages import ChatRequest, Event, Finished, Message, TextPart
from heylook_core.provider import Model, ModelSpec
from heylook_core.testkit.toy import ToyCodec, ToyConfig, ToyEmbedding, ToyModel, ToyProvider
from heylook_core.workers.protocol import Cancel, Closed, FromWorker, Lease, Load, Ready, Submit, Turn, Unload
from heylook_core.workers.worker import Worker

pytestmark = pytest.mark.unit

SECONDS = 30.0


PROMPT = "hello"


class SlowCodec(ToyCodec):
    """Encodes the prompt when it is allowed to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.allowed = threading.Event()

    def encode(self, text: str) -> list[int]:
        if PROMPT in text:
            self.asked.set()
            assert self.allowed.wait(SECONDS)
        return super().encode(text)


class SlowProvider(ToyProvider):
    codec = SlowCodec()

    def load(self) -> Model:
        model = super().load()
        model.codec = self.codec
        return model


def slow(*names: str) -> type[SlowProvider]:
    return SlowProvider


def events_of(messages: SimpleQueue[FromWorker], rid: int) -> list[Event]:
    """All events of a request, up to its last."""
    found: list[Event] = []
    while not any(isinstance(event, Finished) for event in found):
        message = messages.get(timeout=SECONDS)
        for other, events in message.items if isinstance(message, Turn) else ():
            found += events if other == rid else []
    return found


def test_a_request_cancelled_while_it_is_prepared_is_finished():
    messages: SimpleQueue[FromWorker] = SimpleQueue()
    codec = SlowProvider.codec
    load = Load(1, ModelSpec(id="m", provider="slow"), Lease())
    worker = Worker(load, slow, messages.put)
    engine = threading.Thread(target=worker.run)
    engine.start()
    try:
        assert isinstance(messages.get(timeout=SECONDS), Ready)
        worker.receive(Submit(7, ChatRequest(model="m", messages=(Message("user", (TextPart(PROMPT),)),))))
        assert codec.asked.wait(SECONDS)
        worker.receive(Cancel(7))
        done = threading.Event()
        worker._post(done.set)  # what was posted before it has been handled
        assert done.wait(SECONDS)
        codec.allowed.set()
        last = events_of(messages, 7)[-1]
        assert isinstance(last, Finished)
        assert last.reason == "cancelled"
    finally:
        codec.allowed.set()
        worker.receive(Unload())
        engine.join(SECONDS)
    assert isinstance(messages.get(timeout=SECONDS), Closed)


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[int, list[Event]]] = []
        self.ended: list[int] = []
        self.loop = TurnLoop(ToyModel(ToyConfig()), Lease(), self.emit, self.ended.append)

    def emit(self, rid: int, events: Iterable[Event]) -> None:
        self.events.append((rid, list(events)))


def test_the_loop_does_not_end_what_it_does_not_have():
    told = Told()
    told.loop.cancel(7)
    assert told.ended == []


def test_a_cancelled_job_is_finished_once():
    told = Told()
    told.loop.add_job(7, ToyEmbedding([[1, 2, 3]]))
    told.loop.cancel(7)
    told.loop.cancel(7)
    (rid, (event,)), *others = told.events
    assert rid == 7
    assert isinstance(event, Finished)
    assert event.reason == "cancelled"
    assert (told.ended, others) == ([7], [])
    assert told.loop.idle
