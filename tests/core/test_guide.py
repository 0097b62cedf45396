"""Constrained answers: grammars on the toy's random tokens, thinking first, budgets, refusals, and neighbours."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llguidance")

from heylook_core.batching.loop import TurnLoop
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import (
    ChatRequest,
    Event,
    Finished,
    Format,
    Message,
    Reasoning,
    Sampling,
    Text,
    TextPart,
    Thinking,
    Tool,
    ToolArgs,
    ToolChoice,
    ToolOpen,
)
from heylook_core.provider import ModelInfo, TokenConfig
from heylook_core.testkit.toy import EOS, TEMPLATE, ToyCodec, ToyConfig, ToyModel
from heylook_core.text.guide import GrammarGuide
from heylook_core.text.prompt import Preparation, Prepared
from heylook_core.text.tools import TOOL_FORMATS
from heylook_core.workers.protocol import Lease

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 2},
    },
    "required": ["name", "age", "kind", "tags"],
    "additionalProperties": False,
}
WEATHER = Tool("get_weather", None, {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "maximum": 9, "minimum": 0}},
    "required": ["city", "days"],
    "additionalProperties": False,
})  # fmt: skip
CLOCK = Tool("clock")


def ask(said: str = "hello", temperature: float = 0.0, **fields: Any) -> ChatRequest:
    sampling = Sampling(temperature=temperature, seed=fields.pop("seed", 3))
    messages = (Message("user", (TextPart(said),)),)
    known = {"max_tokens": 600, "thinking": Thinking(enabled=False)}
    return ChatRequest(model="m", messages=messages, sampling=sampling, **{**known, **fields})


def prepared(request: ChatRequest, rid: int = 1, **config: Any) -> Prepared:
    info = ModelInfo(context=8192, template=TEMPLATE, vocabulary=259, eos=(EOS,))
    return Preparation(info, ToyCodec(), TokenConfig(**config)).prepare(rid, request, 0.0)


def answers(*requests: ChatRequest, **config: Any) -> list[list[Event]]:
    """What the toy model answers to these requests, run together."""
    told: dict[int, list[Event]] = {rid: [] for rid in range(len(requests))}
    model = ToyModel(ToyConfig())
    loop = TurnLoop(model, Lease(), lambda rid, events: told[rid].extend(events), lambda rid: None)
    for rid, request in enumerate(requests):
        loop.submit(prepared(request, rid, **config))
    while not loop.idle:
        loop.turn()
    model.close()
    return [told[rid] for rid in range(len(requests))]


def text_of(events: Sequence[Event], kind: type[Any] = Text) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def end_of(events: Sequence[Event]) -> Finished:
    return next(event for event in events if isinstance(event, Finished))


def fits(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and set(document) == set(SCHEMA["required"])
        and isinstance(document["name"], str)
        and isinstance(document["age"], int)
        and document["kind"] in ("a", "b")
        and all(isinstance(tag, str) for tag in document["tags"])
    )


@given(st.integers(0, 2**31), st.sampled_from([0.0, 1.0]))
@settings(max_examples=20, deadline=None)
def test_a_model_that_knows_nothing_writes_what_the_schema_wants(seed: int, temperature: float) -> None:
    (events,) = answers(ask(str(seed), temperature, seed=seed, format=Format("schema", SCHEMA)))
    assert fits(json.loads(text_of(events)))
    assert end_of(events).reason == "stop"


def test_a_neighbour_in_the_batch_answers_as_if_it_were_alone() -> None:
    free = ask("tell me", max_tokens=60)
    (alone,) = answers(free)
    together = answers(ask("a", format=Format("schema", SCHEMA)), free, ask("b", 1.0, format=Format("json")))
    assert text_of(together[1]) == text_of(alone)
    assert fits(json.loads(text_of(together[0])))


@pytest.mark.parametrize(
    ("format", "pattern"),
    [
        (Format("regex", text="[a-c]{3}-[0-9]+x"), r"[a-c]{3}-[0-9]+x"),
        (Format("choice", choices=("yes", "no", "\u00e9t\u00e9 \"x\"")), "yes|no|\u00e9t\u00e9 \"x\""),
        (Format("grammar", text='start: "a" b\nb: /[0-9]{4}/'), "a[0-9]{4}"),
        (Format("grammar", text='root ::= "x" ("1" | "2") "y"'), "x[12]y"),
        (Format("schema", {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}),
         r"\[(true|false), ?(true|false)\]"),
    ],
)  # fmt: skip
def test_every_kind_of_constraint_holds(format: Format, pattern: str) -> None:
    for temperature in (0.0, 1.0):
        (events,) = answers(ask("x", temperature, format=format, ignore_eos=True))
        assert re.fullmatch(pattern, text_of(events)), text_of(events)
        assert end_of(events).reason == "stop"


@pytest.mark.parametrize(
    ("format", "words"),
    [
        (Format("schema", {"type": "letters"}), "letters"),
        (Format("schema", {"not": {"type": "string"}}), "not"),
        (Format("schema", {"$ref": "#/nowhere"}), "nowhere"),
        (Format("schema", {"type": "string", "pattern": "(?=a)"}), "look-around"),
        (Format("regex", text="(a"), "regex"),
        (Format("grammar", text="start: nothing"), "nothing"),
        (Format("grammar", text="%%%"), "cannot be"),
    ],
)
def test_what_cannot_be_compiled_is_refused_with_the_compiler_s_words(format: Format, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as refused:
        prepared(ask(format=format))
    assert refused.value.param == "response_format"


def test_a_bad_tool_schema_is_refused_by_its_field() -> None:
    bad = Tool("f", None, {"type": "object", "properties": {"a": {"type": "letters"}}, "required": ["a"]})
    with pytest.raises(InvalidRequest) as refused:
        prepared(ask(tools=(bad,), tool_choice=ToolChoice("required")))
    assert refused.value.param == "tools"


def test_a_document_that_max_tokens_cuts_says_so() -> None:
    (whole,) = answers(ask(format=Format("schema", SCHEMA)))
    needed = end_of(whole).usage.completion
    (cut,) = answers(ask(format=Format("schema", SCHEMA), max_tokens=needed - 2))
    assert end_of(cut).reason == "length"
    assert text_of(whole).startswith(text_of(cut))


@given(st.integers(0, 2**31), st.integers(2, 120))
@settings(max_examples=40, deadline=None)
def test_any_json_is_closed_before_max_tokens_cut_it_and_says_so(seed: int, limit: int) -> None:
    (events,) = answers(ask(str(seed), 1.0, seed=seed, format=Format("json"), max_tokens=limit))
    assert isinstance(json.loads(text_of(events)), dict)
    finished = end_of(events)
    assert finished.usage.completion <= limit
    assert finished.reason == "length" or finished.usage.completion < limit


@pytest.mark.parametrize("limit", [2, 3, 9, 30])
def test_any_json_that_had_to_be_closed_is_not_whole(limit: int) -> None:
    endless = '[toy:say={"a": ["' + "so " * 60 + "]"
    (events,) = answers(ask(endless, format=Format("json"), max_tokens=limit))
    assert isinstance(json.loads(text_of(events)), dict)
    assert end_of(events).reason == "length"


def test_a_document_that_ends_by_itself_is_not_cut() -> None:
    guide = prepared(ask(format=Format("json"), max_tokens=40)).guides[0]
    for token in b'{"a": 1}':
        guide.advance(token)
    assert (guide.complete, guide.cut) == (True, False)


@pytest.mark.parametrize(("pattern", "reason"), [("[a-z ]{5,400}", "length"), ("[a-z ]{5}", "stop")])
def test_what_could_have_gone_on_was_cut_by_max_tokens(pattern: str, reason: str) -> None:
    (events,) = answers(ask(format=Format("regex", text=pattern), max_tokens=5))
    assert (end_of(events).reason, end_of(events).usage.completion) == (reason, 5)


def test_what_was_thought_counts_before_a_document_is_closed() -> None:
    (events,) = answers(ask(format=Format("json"), max_tokens=60, **thinking(20)))
    assert text_of(events, Reasoning)
    assert isinstance(json.loads(text_of(events)), dict)
    assert end_of(events).reason == "length"


def test_white_space_is_bounded() -> None:
    for seed in range(8):
        (events,) = answers(ask(str(seed), 1.0, seed=seed, format=Format("schema", SCHEMA)))
        assert not re.search(r"\s\s", re.sub(r'"[^"]*"', "", text_of(events)))


def thinking(budget: int | None) -> dict[str, Any]:
    return {"template_args": {"enable_thinking": True}, "thinking": Thinking(budget=budget)}


def test_thinking_comes_first_and_the_document_after_it() -> None:
    (events,) = answers(ask(format=Format("schema", SCHEMA), **thinking(20)))
    assert text_of(events, Reasoning)
    assert fits(json.loads(text_of(events)))
    assert end_of(events).usage.reasoning == 20 + len("</think>")


def test_thinking_that_never_ends_is_cut_by_max_tokens() -> None:
    (events,) = answers(ask(format=Format("schema", SCHEMA), max_tokens=50, **thinking(None)))
    assert text_of(events) == ""
    assert end_of(events).reason == "length"


def test_a_budget_of_nothing_goes_straight_to_the_document() -> None:
    (events,) = answers(ask(format=Format("schema", SCHEMA), **thinking(0)))
    assert text_of(events, Reasoning) == ""
    assert fits(json.loads(text_of(events)))


def test_a_model_may_open_its_reasoning_itself_before_the_document() -> None:
    guide = prepared(ask(format=Format("json"), thinking=Thinking())).guides[0]
    assert guide.accepts(ord("<"))
    assert guide.accepts(ord("{"))
    for letter in b"<think>so</think>{":
        assert guide.accepts(letter)
        guide.advance(letter)
    assert not guide.accepts(EOS)
    guide.advance(ord("}"))
    assert guide.complete
    told_not_to = prepared(ask(format=Format("json"))).guides[0]
    assert not told_not_to.accepts(ord("<"))


def test_mask_and_accepts_say_the_same() -> None:
    guide = prepared(ask(format=Format("schema", SCHEMA), **thinking(2))).guides[0]
    for _ in range(60):
        mask = guide.mask()
        assert mask is not None
        bits = np.unpackbits(mask, bitorder="little")[:259]
        assert bits.tolist() == [int(guide.accepts(token)) for token in range(259)]
        guide.advance(int(np.flatnonzero(bits)[0]))


def test_a_guide_never_raises_and_a_fault_forces_the_end() -> None:
    guide = prepared(ask(format=Format("json"))).guides[0]
    guide.advance(ord("x"))
    assert isinstance(guide, GrammarGuide)
    assert guide.error
    assert not guide.complete
    assert [token for token in range(259) if guide.accepts(token)] == [EOS]


# What a schema can force is not written in every format: lists are one call per list there.
FORCED = [format.name for format in TOOL_FORMATS if format.name != "harmony"]


@pytest.mark.parametrize("name", FORCED)
def test_a_forced_call_is_one_in_every_format(name: str) -> None:
    choice = ToolChoice("required", ("get_weather",))
    request = ask("x", 1.0, tools=(CLOCK, WEATHER), tool_choice=choice, max_tokens=2000)
    (events,) = answers(request, tool_format=name)
    assert [event.name for event in events if isinstance(event, ToolOpen)] == ["get_weather"]
    arguments = json.loads(text_of(events, ToolArgs))
    assert isinstance(arguments["city"], str)
    assert arguments["days"] in range(10)
    assert end_of(events).reason == "tool_calls"
    assert text_of(events) == ""


def test_a_forced_call_follows_the_reasoning_of_harmony() -> None:
    request = ask("x", tools=(CLOCK, WEATHER), tool_choice=ToolChoice("required", ("clock",)))
    (guide,) = prepared(request, tool_format="harmony", reasoning_format="harmony").guides
    text = "<|channel|>analysis<|message|>So.<|end|><|start|>assistant<|channel|>commentary to=functions.clock "
    for token in ToyCodec().encode(f"{text}<|constrain|>json<|message|>{{}}"):
        assert guide.accepts(token)
        guide.advance(token)
    assert guide.complete
    assert guide.accepts(EOS)


def test_required_calls_are_of_the_tools_offered() -> None:
    for seed in range(5):
        request = ask(str(seed), 1.0, seed=seed, tools=(CLOCK, WEATHER), tool_choice=ToolChoice("required"))
        (events,) = answers(request)
        names = [event.name for event in events if isinstance(event, ToolOpen)]
        assert names
        assert set(names) <= {"clock", "get_weather"}


def test_without_parallel_calls_there_is_one() -> None:
    request = ask("x", 1.0, tools=(CLOCK, WEATHER), tool_choice=ToolChoice("required"), parallel_tool_calls=False)
    (events,) = answers(request)
    assert sum(isinstance(event, ToolOpen) for event in events) == 1


def test_a_call_cannot_be_forced_where_its_format_is_not_known() -> None:
    request = ask(tools=(CLOCK,), tool_choice=ToolChoice("required"))
    with pytest.raises(Unsupported, match="set tool_format"):
        prepared(request, tool_format="none")


def test_an_integer_without_limits_cannot_go_on_for_ever() -> None:
    from heylook_core.text.tools.bounds import LARGEST_INTEGER, bounded

    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer"},
            "age": {"type": "integer", "minimum": 0},
            "list": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            "one": {"type": "integer", "enum": [1, 2]},
        },
    }
    found = bounded(schema)["properties"]
    assert found["n"] == {"type": "integer", "minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER}
    assert (found["age"]["minimum"], found["age"]["maximum"]) == (0, LARGEST_INTEGER)
    assert found["list"]["items"]["anyOf"][0]["maximum"] == LARGEST_INTEGER
    assert found["one"] == {"type": "integer", "enum": [1, 2]}
    assert "minimum" not in schema["properties"]["n"]


@pytest.mark.parametrize(
    ("schema", "closed"),
    [
        ({"properties": {"a": {}}}, True),
        ({"properties": {"a": {}}, "required": ["a"]}, True),
        ({"properties": {"a": {}}, "required": ["b"]}, False),
        ({"properties": {"a": {}}, "additionalProperties": True}, False),
        ({"properties": {"a": {}}, "patternProperties": {"b": {}}}, False),
        ({"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}]}, False),
        ({"properties": {}}, False),
        ({"type": "object"}, False),
    ],
)
def test_an_object_has_the_properties_that_it_names_unless_it_speaks_of_others(
    schema: dict[str, Any], closed: bool
) -> None:
    from heylook_core.text.tools.bounds import bounded

    assert (bounded(schema).get("additionalProperties") is False) is closed
    assert (bounded({"items": schema})["items"].get("additionalProperties") is False) is closed
    merged = bounded({"allOf": [schema, {"properties": {"c": {}}}]})
    assert merged["allOf"][0].get("additionalProperties") is not False


def test_properties_that_nobody_named_are_not_written() -> None:
    open_ended = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    for seed in range(6):
        (events,) = answers(ask(str(seed), 1.0, seed=seed, format=Format("schema", open_ended)))
        assert json.loads(text_of(events)).keys() == {"a"}


def test_reasoning_has_a_budget_where_nothing_else_is_constrained() -> None:
    (events,) = answers(ask(max_tokens=200, **thinking(20)))
    assert end_of(events).usage.reasoning == 20 + len("</think>")
    assert text_of(events)
    (unbounded,) = answers(ask(max_tokens=200, **thinking(None)))
    assert text_of(unbounded) == ""


def test_an_answer_after_a_budget_of_reasoning_is_as_free_as_any() -> None:
    guide = prepared(ask(thinking=Thinking(budget=2))).guides[0]
    for letter in b"<think>ab</think>":
        assert guide.accepts(letter)
        guide.advance(letter)
    assert guide.mask() is None
    assert all(guide.accepts(token) for token in range(259))
    assert prepared(ask(thinking=Thinking(enabled=False))).guides == ()


def test_who_bounds_reasoning_may_still_go_on_without_an_end() -> None:
    request = ask(max_tokens=120, ignore_eos=True, thinking=Thinking(budget=5))
    (events,) = answers(request)
    assert end_of(events).usage.completion == 120


def test_a_budget_beside_tools_is_refused_where_calls_look_like_reasoning() -> None:
    with pytest.raises(Unsupported, match="budget") as refused:
        prepared(ask(tools=(CLOCK,), thinking=Thinking(budget=5)), tool_format="harmony", reasoning_format="harmony")
    assert refused.value.param == "thinking_budget"


COLOURS = Tool("paint", None, {
    "type": "object",
    "properties": {
        "colour": {"$ref": "#/$defs/Colour"},
        "where": {"$ref": "#/$defs/Place"},
        "again": {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}]},
    },
    "required": ["colour", "where", "again"],
    "additionalProperties": False,
    "$defs": {
        "Colour": {"type": "string", "enum": ["1", "2"], "title": "Colour"},
        "Place": {
            "type": "object",
            "properties": {"x": {"$ref": "#/$defs/Side"}, "y": {"$ref": "#/$defs/Side"}},
            "required": ["x", "y"],
            "additionalProperties": False,
        },
        "Side": {"type": "integer", "minimum": 0, "maximum": 9},
    },
})  # fmt: skip


@pytest.mark.parametrize("name", FORCED)
def test_a_forced_call_follows_the_references_of_its_schema(name: str) -> None:
    """As pydantic writes models inside models, and enumerations."""
    request = ask("x", 1.0, tools=(COLOURS,), tool_choice=ToolChoice("required", ("paint",)), max_tokens=2000)
    (events,) = answers(request, tool_format=name)
    assert [event.name for event in events if isinstance(event, ToolOpen)] == ["paint"]
    arguments = json.loads(text_of(events, ToolArgs))
    assert arguments["colour"] in ("1", "2")
    assert arguments["where"].keys() == {"x", "y"}
    assert arguments["where"]["x"] in range(10)
    assert arguments["again"] in ("1", "2", None)


@pytest.mark.parametrize("name", FORCED)
@pytest.mark.parametrize(
    "parameters", [{"properties": []}, {"properties": {"a": {}}, "required": "a"}, {"$ref": "#/no"}]
)
def test_parameters_that_are_no_schema_are_refused_in_every_format(name: str, parameters: dict[str, Any]) -> None:
    request = ask("x", tools=(Tool("f", None, parameters),), tool_choice=ToolChoice("required"))
    with pytest.raises(InvalidRequest) as refused:
        prepared(request, tool_format=name)
    assert refused.value.param == "tools"


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_to_take_a_token_is_to_accept_it_and_to_advance(data: st.DataObject) -> None:
    """At every step, of reasoning and document, with tokens that fit and tokens that do not."""
    request = ask(format=Format("json"), max_tokens=40, thinking=Thinking(budget=4))
    (one,), (other,) = (prepared(request, reasoning_format="think").guides for _ in range(2))
    for _ in range(45):
        mask = other.mask()
        bits = np.ones(259, np.uint8) if mask is None else np.unpackbits(mask, count=259, bitorder="little")
        fits = data.draw(st.sampled_from(np.flatnonzero(bits).tolist()))
        for token in (data.draw(st.integers(0, 258)), fits):
            accepted = other.accepts(token)
            assert one.take(token) == accepted
            if accepted:
                other.advance(token)
                break
        assert (one.complete, one.cut) == (other.complete, other.cut)
