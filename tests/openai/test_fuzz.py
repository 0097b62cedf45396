"""Five thousand wrong, odd and right bodies: every answer is a success or a refusal in OpenAI's shape."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import httpx
import pytest

from heylook_api_openai.schema import OpenAIChatRequest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

COUNT = 5000
SEED = 20261123

FULL: dict[str, Any] = {
    "model": "toy",
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "3"},
    ],
    "max_tokens": 2,
    "temperature": 0.5,
    "top_p": 0.9,
    "n": 1,
    "seed": 1,
    "stop": ["x"],
    "logit_bias": {"5": 1},
    "logprobs": True,
    "top_logprobs": 2,
    "presence_penalty": 0,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "auto",
    "response_format": {"type": "text"},
    "stream_options": {"include_usage": True},
    "chat_template_kwargs": {"enable_thinking": False, "date": "today"},
}
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, "", "x", "auto", "user"),
    *("null", "required", "\x00", "\u2028", "\U0001f600", "<|end|>", "{{ x }}", "data:image/png;base64,AAAA", "toy"),
    *("text", [], {}, [[]], [None], ["a", 1], {"type": "text"}, {"type": "function"}, {"": None}, {"a": {"b": [1]}}),
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path below a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, below in inside for found in [(*path, key), *places(below, (*path, key))]]


def change(body: dict[str, Any], chance: random.Random) -> None:
    """Replace, drop, repeat or add something somewhere."""
    *above, key = chance.choice(places(body))
    holder: Any = body
    for step in above:
        holder = holder[step]
    what = chance.randrange(4)
    if what == 0:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    elif what == 1:
        del holder[key]
    elif what == 2 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        body[chance.choice(OpenAIChatRequest.__struct_fields__)] = copy.deepcopy(chance.choice(VALUES))


def random_body(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.05:
        return chance.randbytes(chance.randrange(200))
    body = copy.deepcopy(FULL)
    for _ in range(chance.randint(1, 3)):
        if body:
            change(body, chance)
    text = json.dumps(body, ensure_ascii=chance.random() < 0.5).encode()
    if kind < 0.15:
        at = chance.randrange(len(text))
        return text[:at] + chance.choice((b"", b"\xff", b"{", b"NaN", b"\\ud800", chance.randbytes(3))) + text[at + 1 :]
    return text


@pytest.mark.timeout(300)
def test_no_body_makes_the_server_fail(http: httpx.Client):
    chance = random.Random(SEED)
    seen: dict[int, int] = {}
    for _ in range(COUNT):
        body = random_body(chance)
        answer = http.post("/v1/chat/completions", content=body)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        assert answer.status_code in (200, 400, 404), (answer.status_code, answer.text, body)
        if answer.status_code != 200:
            assert answer.json()["error"].keys() == {"message", "type", "param", "code"}, answer.text
    assert {200, 400, 404} <= seen.keys(), "the bodies are too alike"
