"""Lines of a stream from events that arrive in any grouping."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_api_ollama.answers import Stopwatch
from heylook_api_ollama.stream import CHAT, GENERATE, Lines
from heylook_core.messages import ChatRequest, Finished, Reasoning, Text, Timings, ToolArgs, ToolOpen, Usage

pytestmark = pytest.mark.unit

EVENTS: list[Any] = [
    Reasoning(0, "I "),
    Reasoning(0, "think"),
    Text(0, "so \u20ac\n"),
    Text(0, '"is"'),
    ToolOpen(0, 0, "call_a", "f"),
    ToolArgs(0, 0, '{"a":'),
    ToolArgs(0, 0, "\n1}"),
    Text(0, " then "),
    ToolOpen(0, 1, "call_b", "g"),
    ToolArgs(0, 1, "{}"),
    Finished(0, "tool_calls", Usage(3, 0, 9), Timings(decode=1.0)),
]


def read(cuts: list[int], shape: Any) -> list[dict[str, Any]]:
    lines = Lines(ChatRequest(model="m"), 'na"me', shape, Stopwatch())
    edges = [0, *sorted(cuts), len(EVENTS)]
    data = b"".join(lines.of(EVENTS[start:end], 0.0) for start, end in pairwise(edges))
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.removesuffix(b"\n").split(b"\n")]


@given(st.lists(st.integers(0, len(EVENTS)), max_size=12))
def test_however_events_arrive_the_same_is_said_in_the_same_order(cuts: list[int]):
    chunks = read(cuts, CHAT)
    messages = [chunk["message"] for chunk in chunks]
    said = [
        piece
        for one in messages
        for piece in (*one.get("thinking", ""), *one["content"], *(call["id"] for call in one.get("tool_calls", ())))
    ]
    assert said == [*"I thinkso \u20ac\n", *'"is"', "call_a", *" then ", "call_b"]
    calls = [call["function"] for one in messages for call in one.get("tool_calls", ())]
    assert calls == [
        {"index": 0, "name": "f", "arguments": {"a": 1}},
        {"index": 1, "name": "g", "arguments": {}},
    ]
    assert [chunk["done"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {chunk["model"] for chunk in chunks} == {'na"me'}


def test_generate_has_its_text_in_response():
    chunks = read([], GENERATE)
    assert "".join(chunk["response"] for chunk in chunks) == 'so \u20ac\n"is" then '
    assert chunks[-1]["context"]
    assert not any("message" in chunk for chunk in chunks)
