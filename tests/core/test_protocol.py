"""Only Structs cross the seam: a thread's messages are those that a process gets, byte for byte."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heylook_core import errors
from heylook_core.messages import ChatRequest, Failed, Finished, Message, Sampling, Text, TextPart, Tool
from heylook_core.plugins import Plugins
from heylook_core.provider import EmbedOptions, ModelSpec
from heylook_core.workers import wire
from heylook_core.workers.frames import merge_turns
from heylook_core.workers.protocol import (
    Call,
    Cancel,
    ClearCache,
    Embed,
    FromWorker,
    Lease,
    Submit,
    ToWorker,
    Turn,
)
from heylook_core.workers.thread import ThreadChannel


class TightChannel(ThreadChannel):
    """A thread channel that takes every message through its wire form, both ways."""

    def send(self, message: ToWorker) -> None:
        super().send(wire.to_worker.decode(wire.encoder.encode(message)))

    def _from_worker(self, message: FromWorker) -> None:
        super()._from_worker(wire.from_worker.decode(wire.encoder.encode(message)))


def chat(text: str, **fields: Any) -> ChatRequest:
    message = Message("user", (TextPart(text),))
    return ChatRequest(model="m", messages=(message,), sampling=Sampling(temperature=0), max_tokens=20, **fields)


def exchange(kind: type[ThreadChannel]) -> dict[int, list[Any]]:
    """The events of the same requests over a channel of this kind, text joined and times left out."""

    async def whole() -> dict[int, list[Any]]:
        events: dict[int, list[Any]] = {}
        news = asyncio.Event()

        def on_turn(turn: Turn) -> None:
            for rid, items in turn.items:
                events.setdefault(rid, []).extend(items)
            news.set()

        channel = kind(on_turn, lambda reason: None, Plugins().load)
        await channel.start(ModelSpec(id="m", provider="toy"), Lease())
        channel.send(Submit(1, chat("hello", stop=("e",), logprobs=True, top_logprobs=2)))
        channel.send(Submit(2, chat("hello", n=2)))
        channel.send(Submit(3, chat("x" * 10_000)))
        channel.send(Submit(4, chat("[toy:crash]")))
        channel.send(Call(5, Embed(("one", (1, 2)), EmbedOptions())))
        channel.send(Call(6, ClearCache()))
        channel.send(Cancel(99))
        while not all(isinstance(events.get(rid, [None])[-1], Finished | Failed) for rid in range(1, 7)):
            news.clear()
            await news.wait()
        await channel.stop(10)
        return events

    async def bounded() -> dict[int, list[Any]]:
        async with asyncio.timeout(60):
            return await whole()

    return asyncio.run(bounded())


def test_a_thread_s_messages_survive_the_wire() -> None:
    events = exchange(TightChannel)
    assert all(isinstance(event, msgspec.Struct) for found in events.values() for event in found)
    assert {rid for rid, found in events.items() if isinstance(found[-1], Failed)} >= {3, 4}


@given(st.lists(st.lists(st.tuples(st.integers(1, 3), st.text(max_size=3)), max_size=4), min_size=1, max_size=5))
@settings(max_examples=100)
def test_merged_frames_say_what_the_frames_said(frames: list[list[tuple[int, str]]]) -> None:
    turns = [Turn(1, [(rid, [Text(0, text)]) for rid, text in frame]) for frame in frames]
    merged = merge_turns(turns)

    def texts(turns: list[Turn]) -> dict[int, str]:
        said: dict[int, str] = {}
        for turn in turns:
            for rid, events in turn.items:
                said[rid] = said.get(rid, "") + "".join(event.text for event in events if isinstance(event, Text))
        return {rid: text for rid, text in said.items() if text}

    assert texts([merged]) == texts(turns)


@given(st.binary(max_size=200), st.integers(1, 7))
def test_frames_are_found_however_the_stream_is_cut(data: bytes, size: int) -> None:
    stream = wire.pack({"data": data}) + wire.pack([1]) + wire.pack("end")
    buffer = wire.FrameBuffer()
    frames = [frame for at in range(0, len(stream), size) for frame in buffer.feed(stream[at : at + size])]
    assert [msgspec.msgpack.decode(frame) for frame in frames] == [{"data": data}, [1], "end"]


def test_a_schema_may_speak_of_numbers_beyond_64_bits() -> None:
    schema = {"maximum": 2**128, "enum": [-(2**64), 1]}
    request = chat("x", tools=(Tool("f", None, schema),), template_args={"most": 2**5000})
    (frame,) = wire.FrameBuffer().feed(wire.pack(Submit(1, request)))
    crossed = wire.to_worker.decode(frame)
    assert isinstance(crossed, Submit)
    assert crossed.request.tools[0].parameters == {"maximum": float(2**128), "enum": [-float(2**64), 1]}
    assert crossed.request.template_args == {"most": None}
    assert crossed.request.messages == request.messages


def test_a_number_of_the_request_beyond_64_bits_is_the_client_s_mistake() -> None:
    with pytest.raises(errors.InvalidRequest, match="64 bits"):
        wire.pack(Submit(1, msgspec.structs.replace(chat("x"), prompt=(2**64,))))


def _tree(cls: type[errors.HeylookError]) -> list[type[errors.HeylookError]]:
    return [cls, *(sub for child in cls.__subclasses__() for sub in _tree(child))]


@pytest.mark.parametrize("cls", _tree(errors.HeylookError))
def test_every_error_crosses_as_what_it_is(cls: type[errors.HeylookError]) -> None:
    found = errors.error_of(cls.kind, "text", "field", 3.0)
    assert type(found) is cls
    assert (found.message, found.param, found.retry_after) == ("text", "field", 3.0)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    assert all(f"{cls.__name__} " in drawn or f"{cls.__name__}\n" in drawn for cls in _tree(errors.HeylookError))


def test_a_worker_process_imports_no_event_loop_and_no_web() -> None:
    """It would be a tenth of the time that a small model takes to load."""
    code = (
        "import sys, heylook_core.workers.child; "
        "print({'asyncio', 'falcon', 'uvicorn', 'ssl', 'numpy', 'jinja2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("set()\n", "")
