"""POST /v1/responses: what it refuses, by the names of its own fields; the official client is in its own module."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration


def item(content: Any, **fields: Any) -> list[Any]:
    return [{"role": "user", "content": content, **fields}]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": [None]}, "input[0]"),
        ({"input": [{}]}, "input[0].role"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"input": item([{"type": "input_text"}])}, "input[0].content[0].text"),
        ({"input": item([{"type": "video"}])}, "input[0].content[0].type"),
        ({"input": item([{"type": "input_file", "file_id": "x"}])}, "input[0].content[0]"),
        ({"input": "word " * 3000}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 2**70}, "max_output_tokens"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {"anyOf": []}}}}, "text.format"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"background": True}, "background"),
        ({"conversation": "c"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
    ],
    ids=str,
)
def test_a_wrong_field_is_400_and_named(http: httpx.Client, change: dict[str, Any], param: str):
    for stream in (False, True):
        answer = http.post("/v1/responses", json={"model": "toy", "input": "hi", "stream": stream, **change})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["param"] == param


def test_the_oldest_messages_are_left_out_only_if_the_request_says_so(http: httpx.Client):
    said = [message for _ in range(40) for message in item("word " * 20)]
    body = {"model": "toy", "input": [*said, *item("hi")], "max_output_tokens": 2}
    refused = http.post("/v1/responses", json=body).json()["error"]
    assert (refused["code"], refused["param"]) == ("context_length_exceeded", "input")
    assert http.post("/v1/responses", json={**body, "truncation": "auto"}).json()["status"] == "incomplete"
