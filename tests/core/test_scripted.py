"""The scripted provider keeps its promises to the tests of dialects."""

from __future__ import annotations

import json
from threading import Event as ThreadEvent
from typing import Any

import numpy as np
import pytest

from heylook_core.errors import ContextExceeded, InvalidRequest, Unsupported
from heylook_core.messages import (
    ChatRequest,
    Format,
    Logprobs,
    Message,
    PromptLogprobs,
    Reasoning,
    Text,
    TextPart,
    Thinking,
    Tool,
    ToolArgs,
    ToolChoice,
    ToolOpen,
)
from heylook_core.provider import EmbedOptions, ModelSpec
from heylook_core.testkit.scripted import ScriptedConfig, ScriptedProvider

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "maximum": 9},
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "place": {"$ref": "#/$defs/place"},
    },
    "$defs": {"place": {"type": "object", "properties": {"indoor": {"type": "boolean"}}}},
}
WEATHER, CLOCK = Tool("get_weather", None, SCHEMA), Tool("clock")


def provider(**config: Any) -> ScriptedProvider:
    return ScriptedProvider(ModelSpec(id="s", provider="scripted"), ScriptedConfig(**config))


def events(said: str, **fields: Any) -> list[Any]:
    messages = fields.pop("messages", (Message("user", (TextPart(said),)),))
    return list(provider().chat(ChatRequest(model="s", messages=messages, **fields), ThreadEvent()))


def joined(found: list[Any], kind: type[Any]) -> str:
    return "".join(event.text for event in found if isinstance(event, kind))


def names(found: list[Any]) -> list[str]:
    return [event.name for event in found if isinstance(event, ToolOpen)]


def test_it_calls_the_tool_that_the_prompt_names_with_what_it_says() -> None:
    found = events('get_weather for "Paris", days=12, in fahrenheit, indoor: no', tools=(CLOCK, WEATHER))
    assert names(found) == ["get_weather"]
    arguments = json.loads(joined(found, ToolArgs))
    assert arguments == {"city": "Paris", "days": 9, "unit": "fahrenheit", "place": {"indoor": False}}
    assert found[-1].reason == "tool_calls"


def test_it_calls_several_tools_unless_told_otherwise() -> None:
    both = {"tools": (WEATHER, CLOCK)}
    assert names(events("clock then get_weather", **both)) == ["clock", "get_weather"]
    assert names(events("clock then get_weather", parallel_tool_calls=False, **both)) == ["clock"]
    assert names(events("hello", **both)) == []
    assert names(events("hello", tool_choice=ToolChoice("required", ("clock",)), **both)) == ["clock"]
    assert names(events("clock", tool_choice=ToolChoice("none"), **both)) == []


def test_it_answers_after_a_tool_result() -> None:
    messages = (Message("user", (TextPart("clock"),)), Message("tool", (TextPart("noon"),), tool_call_id="1"))
    assert joined(events("", messages=messages, tools=(CLOCK,)), Text) == "The result is noon"


def test_it_fills_schemas_and_chooses() -> None:
    assert json.loads(joined(events('days=2 "Rome"', format=Format("schema", SCHEMA)), Text))["city"] == "Rome"
    assert json.loads(joined(events("hello", format=Format("json")), Text)) == {"text": "hello"}
    assert joined(events("rather no", format=Format("choice", choices=("yes", "no"))), Text) == "no"
    with pytest.raises(Unsupported, match="regex"):
        events("x", format=Format("regex", text="a"))


@pytest.mark.parametrize(
    "schema", [{"properties": []}, {"$ref": "#"}, {"type": "array", "minItems": 10**7}, {"enum": 5}]
)
def test_it_refuses_what_is_no_schema_before_it_answers(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        events("hello", format=Format("schema", schema))
    with pytest.raises(InvalidRequest):
        events("hello", tools=(Tool("f", None, schema),), tool_choice=ToolChoice("required"))


def test_it_thinks_on_demand_and_counts_it() -> None:
    for found in (events("think one two"), events("one two", thinking=Thinking(enabled=True))):
        assert joined(found, Reasoning) == "I think about: one two"
        assert joined(found, Text) == "one two"
        assert found[-1].usage.reasoning == 5
    assert joined(events("think one", thinking=Thinking(enabled=False)), Reasoning) == ""


def test_max_tokens_counts_words() -> None:
    found = events("say one two three", max_tokens=2)
    assert joined(found, Text) == "one two"
    assert found[-1].reason == "length"


def continued(prompt: str | tuple[int, ...], **fields: Any) -> list[Any]:
    return list(provider().chat(ChatRequest(model="s", prompt=prompt, **fields), ThreadEvent()))


def test_a_raw_prompt_is_obeyed_as_a_message_is() -> None:
    assert joined(continued("say one two"), Text) == "one two"
    found = continued((8, 9, 10), max_tokens=2)
    assert joined(found, Text) == "so on"
    assert found[-1].usage.prompt == 3
    with pytest.raises(InvalidRequest, match="vocabulary"):
        continued((8, 10**6))
    with pytest.raises(InvalidRequest, match="empty"):
        continued("")


def test_a_gap_is_filled_with_the_words_around_it() -> None:
    assert joined(continued("def add", suffix="return sum"), Text) == "between ['add'] and ['return']"


def test_a_single_word_is_answered_at_length() -> None:
    assert len(joined(events("hi"), Text).split()) > 12
    assert joined(events("repeat many"), Text) == "repeat many"


def test_every_word_has_a_probability_and_alternatives() -> None:
    found = events("one two three", logprobs=True, top_logprobs=3)
    scores = [event for event in found if isinstance(event, Logprobs)]
    assert b"".join(score.chosen.token for score in scores).decode() == joined(found, Text)
    for score in scores:
        assert score.top[0] == score.chosen
        assert len({other.token for other in score.top}) == 3
        assert sorted(score.top, key=lambda other: -other.logprob) == list(score.top)


def test_a_prompt_is_scored_from_its_second_word_on() -> None:
    (scored,) = [
        event for event in continued("so it is", echo=True, logprobs=True) if isinstance(event, PromptLogprobs)
    ]
    assert [token.token for token in scored.tokens] == [b"so", b" it", b" is"]
    assert [token.logprob is None for token in scored.tokens] == [True, False, False]


def test_prompt_and_answer_share_the_context() -> None:
    small = provider(context=8)
    request = ChatRequest(model="s", prompt="repeat 9 so")
    *_, finished = small.chat(request, ThreadEvent())
    assert (finished.reason, finished.usage.completion) == ("length", 5)
    with pytest.raises(ContextExceeded, match="8 tokens") as raised:
        list(small.chat(ChatRequest(model="s", prompt="so " * 8), ThreadEvent()))
    assert raised.value.param == "prompt"


def test_equal_texts_have_equal_vectors_of_length_one() -> None:
    found = provider().embed(["of it", (1, 7)], EmbedOptions(dimensions=8))
    first, second = np.frombuffer(found.data, "<f4").reshape(found.rows, found.width)
    assert found.width == 8
    assert found.tokens == (2, 2)
    assert np.linalg.norm(first) == pytest.approx(1)
    assert not np.array_equal(first, second), "a word that begins a text has no space before it"
