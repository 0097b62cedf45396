"""Prompts that are too long: what is left out, and what never is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.errors import ContextExceeded, Unsupported
from heylook_core.messages import ChatRequest, Message, Overflow, TextPart
from heylook_core.provider import ModelInfo, TokenConfig
from heylook_core.testkit.toy import TEMPLATE, ToyCodec
from heylook_core.text.prompt import Preparation, Prepared

DROP = Overflow(drop_messages=True)
BOTH = Overflow(drop_messages=True, cut_tokens=True, keep=4)


def message(role, text: str) -> Message:
    return Message(role, (TextPart(text),))


def prepare(request: ChatRequest, context: int = 200) -> Prepared:
    info = ModelInfo(context=context, template=TEMPLATE)
    return Preparation(info, ToyCodec(), TokenConfig()).prepare(1, request, 0.0)


def texts(prepared: Prepared) -> list[str]:
    return [one.text for one in prepared.request.messages]


LONG = (
    message("system", "be brief"),
    message("user", "a" * 80),
    message("assistant", "b" * 80),
    message("user", "c" * 40),
    message("assistant", "d" * 20),
    message("user", "e"),
)


def test_oldest_turns_go_first_and_the_system_message_stays():
    prepared = prepare(ChatRequest(model="m", messages=LONG, overflow=DROP))
    assert texts(prepared) == ["be brief", "c" * 40, "d" * 20, "e"]
    assert (prepared.dropped_messages, prepared.cut_tokens) == (2, 0)
    assert len(prepared.tokens) < 200


def test_what_fits_is_left_as_it_is():
    prepared = prepare(ChatRequest(model="m", messages=LONG, overflow=BOTH), context=4000)
    assert texts(prepared) == [one.text for one in LONG]
    assert (prepared.dropped_messages, prepared.cut_tokens) == (0, 0)


def test_a_tool_result_does_not_lose_its_call():
    talk = (
        message("user", "a" * 200),
        message("assistant", "call"),
        message("tool", "result"),
        message("assistant", "so"),
    )
    assert texts(prepare(ChatRequest(model="m", messages=talk, overflow=DROP))) == ["call", "result", "so"]


def test_without_leave_a_long_prompt_is_refused():
    with pytest.raises(ContextExceeded):
        prepare(ChatRequest(model="m", messages=LONG))


def test_a_last_message_that_is_too_long_is_refused_or_cut():
    talk = (message("user", "x"), message("user", "y" * 400))
    with pytest.raises(ContextExceeded):
        prepare(ChatRequest(model="m", messages=talk, overflow=DROP))
    prepared = prepare(ChatRequest(model="m", messages=talk, overflow=BOTH))
    whole = prepare(ChatRequest(model="m", messages=talk[1:]), context=4000).tokens
    assert prepared.tokens == whole[:4] + whole[-(199 // 2 - 4) :]
    assert prepared.cut_tokens == len(whole) - len(prepared.tokens)


def test_the_request_s_own_context_bounds_prompt_and_answer():
    request = ChatRequest(model="m", messages=LONG[-1:], context=50, max_tokens=1000)
    prepared = prepare(request, context=4000)
    assert len(prepared.tokens) + prepared.limit == 50
    with pytest.raises(ContextExceeded, match="This request's maximum context length is 10 tokens"):
        prepare(ChatRequest(model="m", messages=LONG[-1:], context=10), context=4000)


def test_a_raw_prompt_is_cut_but_never_dropped():
    prepared = prepare(ChatRequest(model="m", prompt="z" * 500, overflow=BOTH))
    assert len(prepared.tokens) == 99
    with pytest.raises(ContextExceeded):
        prepare(ChatRequest(model="m", prompt="z" * 500, overflow=DROP))


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.integers(0, 90)), min_size=1))
def test_whatever_is_said_the_prompt_fits_and_the_last_message_is_in_it(turns):
    talk = tuple(message(role, "x" * length) for role, length in turns)
    prepared = prepare(ChatRequest(model="m", messages=talk, overflow=BOTH))
    assert len(prepared.tokens) < 200
    assert prepared.request.messages[-1] == talk[-1]
    kept = [one for one in talk if one.role == "system"]
    assert [one for one in prepared.request.messages if one.role == "system"] == kept


def test_text_around_a_gap_is_put_between_the_models_marks():
    info = ModelInfo(context=200, bos=9, details={"fill_in_middle": [256, 257, 258]})
    preparation = Preparation(info, ToyCodec(), TokenConfig())
    request = ChatRequest(model="m", prompt="ab", suffix="c")
    assert preparation.prepare(1, request, 0.0).tokens == [9, 256, *b"ab", 257, *b"c", 258]
    with pytest.raises(Unsupported, match="insertion point"):
        prepare(request)


def test_length_of_an_answer_is_the_requests_then_the_models_then_the_dialects():
    info = ModelInfo(context=4000, template=TEMPLATE, max_tokens=7)
    talk = LONG[-1:]

    def limit(info: ModelInfo, **fields: Any) -> int:
        request = ChatRequest(model="m", messages=talk, **fields)
        return Preparation(info, ToyCodec(), TokenConfig()).prepare(1, request, 0.0).limit

    assert limit(info, max_tokens=5, default_max_tokens=3000) == 5
    assert limit(info, default_max_tokens=3000) == 7
    assert limit(ModelInfo(context=4000, template=TEMPLATE), default_max_tokens=3000) == 3000
