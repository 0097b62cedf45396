"""Reasoning apart from the answer, whatever the split of the text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.engine import Token
from heylook_core.errors import ConfigError
from heylook_core.messages import ChatRequest, Event, Logprobs, Message, Reasoning, Text, TextPart
from heylook_core.provider import ModelInfo, TokenConfig
from heylook_core.testkit.toy import TEMPLATE, ToyCodec
from heylook_core.text.pipeline import TextPipeline
from heylook_core.text.plan import TextPlan, formats_of, plan_of
from heylook_core.text.prompt import Preparation
from heylook_core.text.reasoning import REASONING_FORMATS, ReasoningFormat, Splitter
from heylook_core.text.tools.harmony import HarmonyStage

THINK = next(format for format in REASONING_FORMATS if format.name == "think")
WORDS = st.text(alphabet="ab <>/thinkr\n\u20ac", max_size=30)


def split(stage, parts):
    pieces = [piece for part in parts for piece in stage.push(part)] + stage.end()
    return {kind: "".join(text for of, text in pieces if of == kind) for kind in ("reasoning", "text", "silent")}


def every_split(text: str):
    yield [text]
    yield list(text)
    for at in range(1, len(text)):
        yield [text[:at], text[at:]]


@pytest.mark.parametrize("format", REASONING_FORMATS, ids=lambda format: format.name)
@pytest.mark.parametrize("inside", [True, False])
def test_reasoning_and_answer_are_told_apart_at_every_split(format: ReasoningFormat, inside: bool) -> None:
    text = ("" if inside else format.open) + f"\nI look.\n\nAgain < [.\n{format.close}\n\nThe answer. <b>\n"
    for parts in every_split(text):
        found = split(Splitter(format, inside), parts)
        assert found["reasoning"] == "I look.\n\nAgain < [."
        assert found["text"] == "The answer. <b>\n"


@given(WORDS, WORDS, st.integers(1, 7), st.booleans())
def test_no_letter_is_lost_or_changed(first: str, second: str, size: int, inside: bool) -> None:
    text = f"{first}</think>{second}"
    whole = split(Splitter(THINK, inside), [text])
    parts = split(Splitter(THINK, inside), [text[at : at + size] for at in range(0, len(text), size)])
    assert parts == whole
    assert sum(map(len, whole.values())) == len(text)


def test_an_opening_marker_inside_the_answer_is_text() -> None:
    for parts in every_split("Write <think> to think.</think>"):
        assert split(Splitter(THINK, False), parts)["text"] == "Write <think> to think.</think>"


def test_reasoning_without_an_end_is_reasoning() -> None:
    assert split(Splitter(THINK, True), ["a < b </thin"]) == {"reasoning": "a < b </thin", "text": "", "silent": ""}


def test_only_a_possible_marker_and_space_are_held_back() -> None:
    stage = Splitter(THINK, True)
    assert stage.push("one </") == [("reasoning", "one")]
    assert stage.push("two") == [("reasoning", " </two")]


def test_harmony_channels_are_told_apart_at_every_split() -> None:
    text = (
        "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>commentary<|message|>Wait. <|end|>"
        "<|start|>assistant<|channel|>final<|message|>The answer."
    )
    for parts in every_split(text):
        found = split(HarmonyStage(0, None), parts)
        assert (found["reasoning"], found["text"]) == ("I look.", "Wait. The answer.")


def test_text_without_channels_is_text() -> None:
    for parts in every_split("To be or <|not|> to be"):
        assert split(HarmonyStage(0, None), parts)["text"] == "To be or <|not|> to be"


def plan(prompt: str, template: str = TEMPLATE, **config: Any) -> TextPlan:
    formats = formats_of(template, TokenConfig(**config), ToyCodec())
    return plan_of(formats, ChatRequest(model="m", messages=(Message("user", (TextPart("x"),)),)), prompt)


def test_a_prompt_that_opens_the_reasoning_makes_the_answer_begin_inside() -> None:
    assert plan("assistant\n<think>\n").inside
    assert not plan("assistant\n<think>\n</think>\n\n").inside
    assert not plan("assistant\n").inside


def test_models_yaml_overrides_what_the_template_shows() -> None:
    assert not plan("<think>", reasoning_format="none").split
    assert plan("[THINK]", template="", reasoning_format="mistral").inside
    with pytest.raises(ConfigError, match=r"one of: .*cohere"):
        plan("", reasoning_format="unheard-of")


def answer(text: str, logprobs: bool = True) -> tuple[list[Event], TextPipeline]:
    request = ChatRequest(model="m", messages=(Message("user", (TextPart("x"),)),))
    made = plan("<think>")
    stage = TextPipeline(0, ToyCodec(), [], (), logprobs, made.stages(0, request))
    events = [event for byte in text.encode() for event in stage.push(Token(1, byte, None, -0.5))]
    return events + stage.end(), stage


@given(st.text(alphabet="ab\u00e9\u20ac\n ", max_size=20), st.text(alphabet="ab\u00e9\u20ac ", max_size=20))
def test_logprobs_are_those_of_the_visible_text(thought: str, said: str) -> None:
    events, stage = answer(f"{thought}</think>{said}")
    text = "".join(event.text for event in events if isinstance(event, Text))
    chosen = b"".join(event.chosen.token for event in events if isinstance(event, Logprobs))
    assert text == said.lstrip()
    assert chosen.decode() == text
    assert "".join(event.text for event in events if isinstance(event, Reasoning)) == thought.strip()
    assert stage.reasoning_tokens == len(f"{thought}</think>".encode())


def test_the_prepared_request_knows_that_its_prompt_began_the_reasoning() -> None:
    info = ModelInfo(context=1000, template=TEMPLATE, vocabulary=259, eos=(256,))
    made = Preparation(info, ToyCodec(), TokenConfig())
    messages = (Message("user", (TextPart("x"),)),)
    thinks = ChatRequest(model="m", messages=messages, template_args={"enable_thinking": True})
    assert made.prepare(1, thinks, 0.0).plan.inside
    assert not made.prepare(1, ChatRequest(model="m", messages=messages), 0.0).plan.inside
