"""Streams: the frames on the wire, and what the official client's accumulator makes of them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest

pytestmark = pytest.mark.integration

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
TOOL: Any = {"type": "function", "function": {"name": "add", "strict": True, "parameters": {
    "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False,
}}}  # fmt: skip


def frames(http: httpx.Client, **fields: Any) -> list[str]:
    """What stands behind `data: ` in each event, comments left out."""
    body = {"model": "toy", "messages": HELLO, "max_tokens": 5, "stream": True} | fields
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        events = answer.read().decode().split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith(("data: ", ": ")) for event in events)
    return [event.removeprefix("data: ") for event in events if event.startswith("data: ")]


def chunks(http: httpx.Client, **fields: Any) -> list[Any]:
    *found, end = frames(http, **fields)
    assert end == "[DONE]"
    return [json.loads(frame) for frame in found]


def test_chunks_share_id_and_model_and_the_role_comes_once(http: httpx.Client):
    found = chunks(http)
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in found}) == 1
    assert found[0]["object"] == "chat.completion.chunk"
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all("role" not in chunk["choices"][0]["delta"] for chunk in found[1:])
    assert all(chunk["choices"][0].keys() == {"index", "delta", "logprobs", "finish_reason"} for chunk in found)


def test_finish_reason_is_in_the_last_chunk_with_an_empty_delta(http: httpx.Client):
    found = chunks(http)
    assert found[-1]["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in found[:-1])


def test_usage_is_sent_only_when_asked_for(http: httpx.Client):
    assert all("usage" not in chunk for chunk in chunks(http))
    *others, last = chunks(http, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 5
    assert all(chunk["usage"] is None for chunk in others)


def test_stream_and_whole_answer_are_equal(http: httpx.Client):
    body = {"model": "toy", "messages": HELLO, "max_tokens": 12, "temperature": 0}
    whole = http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    parts = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(http, **body)]
    assert "".join(parts) == whole


def test_streamed_logprobs_are_those_of_the_streamed_text(http: httpx.Client):
    found = [chunk["choices"][0] for chunk in chunks(http, logprobs=True, top_logprobs=2, temperature=0)]
    tokens = [token for choice in found if choice["logprobs"] for token in choice["logprobs"]["content"]]
    assert len(tokens) == 5
    assert all(len(token["top_logprobs"]) == 2 for token in tokens)
    text = "".join(choice["delta"].get("content") or "" for choice in found)
    assert bytes(byte for token in tokens for byte in token["bytes"]).decode("utf-8", "replace") == text


def test_first_chunks_open_all_choices_in_order(http: httpx.Client):
    found = chunks(http, n=3)
    assert [chunk["choices"][0]["index"] for chunk in found[:3]] == [0, 1, 2]
    assert all(chunk["choices"][0]["delta"]["role"] == "assistant" for chunk in found[:3])


def test_accumulator_of_the_official_client_rebuilds_every_choice(client: openai.OpenAI):
    with client.chat.completions.stream(model="toy", messages=HELLO, n=2, seed=5) as stream:
        answer = stream.get_final_completion()
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert [choice.message.role for choice in answer.choices] == ["assistant", "assistant"]
    assert [choice.finish_reason for choice in answer.choices] == ["stop", "stop"]
    assert all(choice.message.content for choice in answer.choices)


def test_accumulator_of_the_official_client_rebuilds_tool_calls(client: openai.OpenAI):
    with client.chat.completions.stream(model="acme/calling", messages=HELLO, tools=[TOOL]) as stream:
        [choice] = stream.get_final_completion().choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Let me see."
    calls = choice.message.tool_calls or []
    assert [(call.id, call.function.name, call.function.parsed_arguments) for call in calls] == [
        ("call_0", "add", {"n": 0}),
        ("call_1", "add", {"n": 1}),
    ]


def test_reasoning_streams_as_reasoning_content(http: httpx.Client):
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(http, model="acme/calling")]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "First I think."
    assert "".join(delta.get("content", "") for delta in deltas) == "Let me see."


def test_bad_request_to_a_stream_gets_its_status(http: httpx.Client):
    for fields, status in (({"model": "none"}, 404), ({"messages": [{"role": "user", "content": "w " * 3000}]}, 400)):
        body = {"model": "toy", "messages": HELLO, "stream": True} | fields
        answer = http.post("/v1/chat/completions", json=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"


def test_failure_after_the_headers_is_an_error_event_and_the_end(client: openai.OpenAI, http: httpx.Client):
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "[toy:crash]"}]}
    *_, last = frames(http, **body)
    error = json.loads(last)["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "server_error"
    with pytest.raises(openai.APIError, match="crash"):
        list(client.chat.completions.create(model="toy", messages=body["messages"], stream=True))
    assert chunks(http), "the next request works"
