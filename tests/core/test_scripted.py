"""The scripted provider keeps its promises to the tests of dialects."""

from __future__ import annotations

import json
from threading import Event as ThreadEvent
from typing import Any

import pytest

from heylook_core.errors import Unsupported
from heylook_core.messages import (
    ChatRequest,
    Format,
    Message,
    Reasoning,
    Text,
    TextPart,
    Thinking,
    Tool,
    ToolArgs,
    ToolChoice,
    ToolOpen,
)
from heylook_core.provider import ModelSpec
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


def events(said: str, **fields: Any) -> list[Any]:
    provider = ScriptedProvider(ModelSpec(id="s", provider="scripted"), ScriptedConfig())
    messages = fields.pop("messages", (Message("user", (TextPart(said),)),))
    return list(provider.chat(ChatRequest(model="s", messages=messages, **fields), ThreadEvent()))


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
