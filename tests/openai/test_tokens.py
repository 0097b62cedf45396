"""/tokenize and /detokenize, in the words of vLLM and of llama.cpp's server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration


def post(http: httpx.Client, path: str, **body: Any) -> Any:
    answer = http.post(path, json={"model": "toy", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_a_text_becomes_tokens_and_a_text_again(http: httpx.Client, prefix: str):
    text = "caf\u00e9 <|end|>"
    found = post(http, f"{prefix}/tokenize", prompt=text, return_token_strs=True)
    assert found["tokens"] == [*"caf\u00e9 ".encode(), 258]
    assert found["count"] == 7
    assert found["max_model_len"] == 2048
    assert found["token_strs"][:3] == ["c", "a", "f"]
    assert post(http, f"{prefix}/detokenize", tokens=found["tokens"][:6]) == {
        "prompt": "caf\u00e9 ",
        "content": "caf\u00e9 ",
    }


def test_pieces_are_told_as_llama_cpp_tells_them(http: httpx.Client):
    found = post(http, "/tokenize", content="a\u00e9", with_pieces=True)
    assert found["tokens"] == [
        {"id": 97, "piece": "a"},
        {"id": 0xC3, "piece": [0xC3]},
        {"id": 0xA9, "piece": [0xA9]},
    ]


def test_a_conversation_has_the_tokens_of_its_prompt(http: httpx.Client):
    messages = [{"role": "user", "content": "hi"}]
    count = post(http, "/tokenize", messages=messages)["count"]
    body = {"model": "toy", "messages": messages, "max_tokens": 1}
    assert http.post("/v1/chat/completions", json=body).json()["usage"]["prompt_tokens"] == count


def test_a_provider_that_only_yields_events_may_tell_its_tokens_too(http: httpx.Client):
    found = post(http, "/tokenize", model="scripted", prompt="of course and again", return_token_strs=True)
    assert found["token_strs"] == ["of", " course", " and", " again"]
    assert post(http, "/detokenize", model="scripted", tokens=found["tokens"])["content"] == "of course and again"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokenize", {}),
        ("/tokenize", {"prompt": "a", "content": "b"}),
        ("/detokenize", {"tokens": [999]}),
        ("/detokenize", {"tokens": "x"}),
        ("/detokenize", {"tokens": [2**70]}),
        ("/tokenize", {"prompt": "a", "model": "acme/calling"}),
        ("/detokenize", {"tokens": [1], "model": "acme/calling"}),
    ],
    ids=str,
)
def test_what_cannot_be_is_400_in_openais_shape(http: httpx.Client, path: str, body: dict[str, Any]):
    answer = http.post(path, json={"model": "toy", **body})
    assert answer.status_code == 400
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
