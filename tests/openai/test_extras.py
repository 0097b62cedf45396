"""What /v1/chat/completions takes beside OpenAI's fields: keep_alive, include_performance, constraints, sizes."""

from __future__ import annotations

import math
from typing import Any

import httpx
import msgspec
import pytest

from heylook_api_openai.constraints import format_of
from heylook_api_openai.durations import keep_alive_of
from heylook_api_openai.schema import OpenAIChatRequest
from heylook_core.errors import InvalidRequest
from heylook_core.messages import Format

SAID = [{"role": "user", "content": "hello"}]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (0, 0.0),
        (90, 90.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("250ms", 0.25),
        ("60", 60.0),
        (-1, math.inf),
    ],
    ids=str,
)
def test_keep_alive_is_a_number_or_a_duration(given: Any, seconds: float | None):
    assert keep_alive_of(given) == seconds


@pytest.mark.unit
@pytest.mark.parametrize("given", ["", "soon", "5 m", "m", "1d", "5m" * 50, "\u0665"])
def test_other_texts_are_no_duration(given: str):
    with pytest.raises(InvalidRequest, match="keep_alive"):
        keep_alive_of(given)


@pytest.mark.integration
def test_keep_alive_zero_unloads_the_model_afterwards(http: httpx.Client):
    body = {"model": "scripted", "messages": SAID, "keep_alive": 0}
    assert http.post("/v1/chat/completions", json=body).status_code == 200
    answer = http.post("/v1/chat/completions", json=body | {"keep_alive": -1})
    assert answer.status_code == 200
    assert http.get("/v1/models/scripted").json()["loaded"] is True


@pytest.mark.integration
def test_performance_comes_if_asked_whole_or_streamed(http: httpx.Client):
    body = {"model": "toy", "messages": SAID, "max_tokens": 8, "include_performance": True}
    figures = http.post("/v1/chat/completions", json=body).json()["performance"]
    assert figures.keys() == {
        *("prompt_tps", "generation_tps", "queue_seconds"),
        *("prefill_seconds", "decode_seconds", "first_token_seconds"),
    }
    assert figures["generation_tps"] > 0
    streamed = http.post("/v1/chat/completions", json=body | {"stream": True}).text
    assert '"choices":[],"performance":{"prompt_tps":' in streamed
    assert "performance" not in http.post("/v1/chat/completions", json=body | {"include_performance": None}).json()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("fields", "format_"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"guided_regex": "a+"}, Format("regex", text="a+", param="guided_regex")),
        ({"grammar": 'root ::= "a"'}, Format("grammar", text='root ::= "a"', param="grammar")),
        ({"guided_choice": ["a", "b"]}, Format("choice", choices=("a", "b"), param="guided_choice")),
        ({"guided_json": {"type": "object"}}, Format("schema", schema={"type": "object"}, param="guided_json")),
        ({"structured_outputs": {"regex": "a+"}}, Format("regex", text="a+", param="structured_outputs.regex")),
        (
            {"structured_outputs": {"choice": ["a"]}},
            Format("choice", choices=("a",), param="structured_outputs.choice"),
        ),
    ],
    ids=str,
)
def test_constraints_have_several_names(fields: dict[str, Any], format_: Format | None):
    assert format_of(msgspec.convert({"messages": SAID, **fields}, OpenAIChatRequest)) == format_


@pytest.mark.unit
@pytest.mark.parametrize(
    "fields", [{"guided_regex": "a", "grammar": "b"}, {"guided_choice": []}, {"guided_choice": [""]}]
)
def test_constraints_that_contradict_are_refused(fields: dict[str, Any]):
    with pytest.raises(InvalidRequest):
        format_of(msgspec.convert({"messages": SAID, **fields}, OpenAIChatRequest))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("chat/completions", {"guided_regex": "("}, "guided_regex"),
        ("chat/completions", {"structured_outputs": {"grammar": "root ::= ("}}, "structured_outputs.grammar"),
        ("chat/completions", {"response_format": {"type": "json_object", "schema": {"type": "no"}}}, "response_format"),
        ("completions", {"guided_json": {"type": "no"}}, "guided_json"),
        (
            "responses",
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "no"}}}},
            "text.format",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_compiled_is_refused_by_the_name_it_came_with(
    http: httpx.Client, path: str, fields: dict[str, Any], param: str
):
    pytest.importorskip("llguidance")
    asked = (
        {"prompt": "hi"} if path == "completions" else {"input": "hi"} if path == "responses" else {"messages": SAID}
    )
    answer = http.post(f"/v1/{path}", json={"model": "toy", **asked, **fields})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


def test_reasoning_has_a_budget_if_asked(http: httpx.Client):
    body = {"model": "scripted", "messages": [{"role": "user", "content": "think one two three"}], "thinking_budget": 2}
    (choice,) = http.post("/v1/chat/completions", json=body).json()["choices"]
    assert choice["message"]["reasoning_content"] == "I think"
    assert choice["message"]["content"] == "one two three"
    refused = http.post("/v1/chat/completions", json=body | {"thinking_budget": -1})
    assert refused.json()["error"]["param"] == "thinking_budget"
