"""Odd bodies for every route beside plain chat: each answer is a success or a refusal in OpenAI's shape."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heylook_api_openai.completion_schema import OpenAICompletionRequest
from heylook_api_openai.embeddings import OpenAIEmbeddingRequest
from heylook_api_openai.responses_schema import OpenAIResponsesRequest
from heylook_api_openai.schema import OpenAIChatRequest
from heylook_api_openai.tokens import OpenAIDetokenizeRequest, OpenAITokenizeRequest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EXAMPLES = 250
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
PARAMETERS = {"type": "object", "properties": {"n": {"type": "integer"}}}
MODES = ("sequential", "sequential_with_context", "parallel", "parallel_with_context")

# A right body for each route, and the Struct that says which fields there are besides.
ROUTES: dict[str, tuple[type[msgspec.Struct], dict[str, Any]]] = {
    "/v1/completions": (
        OpenAICompletionRequest,
        {
            "prompt": ["so", "it is"],
            "max_tokens": 2,
            "n": 1,
            "best_of": 1,
            "echo": True,
            "logprobs": 2,
            "stop": ["x"],
            "logit_bias": {"5": 1},
            "stream_options": {"include_usage": True},
        },
    ),
    "/v1/embeddings": (
        OpenAIEmbeddingRequest,
        {"input": ["so", "it is"], "encoding_format": "base64", "dimensions": 8, "pooling": "mean", "truncate": True},
    ),
    "/v1/responses": (
        OpenAIResponsesRequest,
        {
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
                {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "so"}]},
                CALL,
                {"type": "function_call_output", "call_id": "c", "output": "3"},
            ],
            "instructions": "be brief",
            "tools": [{"type": "function", "name": "f", "parameters": PARAMETERS, "strict": True}],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            "text": {"format": {"type": "text"}, "verbosity": "low"},
            "reasoning": {"effort": "none"},
            "include": ["message.output_text.logprobs"],
            "max_output_tokens": 2,
            "top_logprobs": 1,
            "metadata": {"a": "b"},
        },
    ),
    "/v1/tokenize": (
        OpenAITokenizeRequest,
        {"messages": [{"role": "user", "content": "hello"}], "tools": [], "return_token_strs": True},
    ),
    "/detokenize": (OpenAIDetokenizeRequest, {"tokens": [1, 2, 3]}),
    "/v1/chat/completions": (
        OpenAIChatRequest,
        {
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "say one"},
                {"role": "user", "content": "___CONVERSATION_BOUNDARY___"},
                {"role": "user", "content": "say two"},
            ],
            "processing_mode": "parallel",
            "return_individual": True,
            "include_timing": True,
            "max_tokens": 2,
        },
    ),
}
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
ODD = st.sampled_from([2**31, 2**63, -(2**63), 10**30, -1, 0, 1e308, "", "auto", "none", "function", "user", "text"])
CONTAINERS = st.sampled_from([[], {}, [[]], [None], ["a", 1], [[1, 2]], {"type": "text"}, {"type": "function"}])
VALUES = LEAVES | ODD | CONTAINERS | st.sampled_from(MODES) | st.dictionaries(st.text(max_size=3), LEAVES, max_size=2)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path below a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, below in inside for found in [(*path, key), *places(below, (*path, key))]]


@st.composite
def changed(draw: st.DrawFn, path: str) -> dict[str, Any]:
    """The right body for a route, with up to three values replaced, dropped or added."""
    fields, full = ROUTES[path]
    body: dict[str, Any] = {"model": draw(st.sampled_from(["toy", "scripted"])), **copy.deepcopy(full)}
    for _ in range(draw(st.integers(0, 3))):
        what = draw(st.sampled_from(["replace", "drop", "add"]))
        if what == "add" or not body:
            body[draw(st.sampled_from(fields.__struct_fields__))] = copy.deepcopy(draw(VALUES))
            continue
        *above, key = draw(st.sampled_from(places(body)))
        holder: Any = body
        for step in above:
            holder = holder[step]
        if what == "replace":
            holder[key] = copy.deepcopy(draw(VALUES))
        else:
            del holder[key]
    return body


def check(http: httpx.Client, path: str, body: dict[str, Any]) -> int:
    answer = http.post(path, content=json.dumps(body).encode())
    assert answer.status_code in (200, 400, 404), (answer.status_code, answer.text, body)
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}, body
        assert error["type"] == "invalid_request_error"
        assert error["message"].strip()
    elif answer.headers["content-type"].startswith("text/event-stream"):
        assert b'"error":{' not in answer.content, (answer.text, body)
    return answer.status_code


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", ROUTES)
def test_no_body_makes_a_route_fail(http: httpx.Client, path: str):
    seen: set[int] = set()

    @given(changed(path))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    def run(body: dict[str, Any]) -> None:
        seen.add(check(http, path, body))

    assert check(http, path, {"model": "toy", **ROUTES[path][1]}) == 200
    run()
    assert {200, 400} <= seen, "the bodies are too alike"
