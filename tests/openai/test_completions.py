"""POST /v1/completions: prompts in four forms, side by side, echoed, scored, and streamed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest

from heylook_api_openai.completions import prompts_of
from heylook_core.errors import InvalidRequest

pytestmark = pytest.mark.integration


def post(http: httpx.Client, **body: Any) -> httpx.Response:
    return http.post("/v1/completions", json={"model": "toy", **body})


def done(http: httpx.Client, **body: Any) -> Any:
    answer = post(http, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def streamed(http: httpx.Client, **body: Any) -> list[Any]:
    with http.stream("POST", "/v1/completions", json={"model": "toy", "stream": True, **body}) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    assert answer.status_code == 200
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_sixteen_tokens_are_the_default(http: httpx.Client):
    answer = done(http, prompt="hi", ignore_eos=True)
    assert answer["usage"]["completion_tokens"] == 16
    assert answer["choices"][0]["finish_reason"] == "length"


def test_four_forms_of_a_prompt_are_the_same(http: httpx.Client):
    forms = ("hi", ["hi"], list(b"hi"), [list(b"hi")])
    answers = [done(http, prompt=form, temperature=0)["choices"] for form in forms]
    assert answers[0] == answers[1] == answers[2] == answers[3]


def test_the_index_counts_prompts_and_answers(http: httpx.Client):
    answer = done(http, prompt=["[toy:say=one]", "[toy:say=two]", "[toy:say=three]"], n=2)
    assert [choice["index"] for choice in answer["choices"]] == list(range(6))
    assert [choice["text"] for choice in answer["choices"]] == ["one", "one", "two", "two", "three", "three"]


def test_more_prompts_than_run_at_once_are_all_answered(http: httpx.Client):
    prompts = [f"[toy:say=number {number}]" for number in range(100)]
    answer = done(http, prompt=prompts)
    assert [choice["text"] for choice in answer["choices"]] == [f"number {number}" for number in range(100)]
    texts = dict.fromkeys(range(100), "")
    for chunk in streamed(http, prompt=prompts):
        texts[chunk["choices"][0]["index"]] += chunk["choices"][0]["text"]
    assert texts == {number: f"number {number}" for number in range(100)}


def test_streamed_and_whole_answers_are_equal(http: httpx.Client):
    asked: dict[str, Any] = {"prompt": ["hi", "ho"], "n": 2, "seed": 3, "logprobs": 1, "echo": False}
    whole = done(http, **asked)["choices"]
    *chunks, last = streamed(http, **asked, stream_options={"include_usage": True})
    texts = dict.fromkeys(range(4), "")
    tokens: dict[int, list[Any]] = {index: [] for index in range(4)}
    for chunk in chunks:
        (choice,) = chunk["choices"]
        assert chunk["usage"] is None
        texts[choice["index"]] += choice["text"]
        if choice["logprobs"]:
            logprobs = choice["logprobs"]
            tokens[choice["index"]] += zip(logprobs["tokens"], logprobs["text_offset"], strict=True)
    assert [texts[choice["index"]] for choice in whole] == [choice["text"] for choice in whole]
    for choice in whole:
        logprobs = choice["logprobs"]
        assert tokens[choice["index"]] == list(zip(logprobs["tokens"], logprobs["text_offset"], strict=True))
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == sum(len(row) for row in tokens.values())


def test_an_echo_comes_before_the_answer(http: httpx.Client):
    for prompt in ("[toy:say=two]", list(b"[toy:say=two]")):
        assert done(http, prompt=prompt, echo=True)["choices"][0]["text"] == "[toy:say=two]two"
    assert streamed(http, prompt="[toy:say=two]", echo=True)[0]["choices"][0]["text"] == "[toy:say=two]"


def test_nothing_is_generated_where_nothing_is_asked_for(http: httpx.Client):
    answer = done(http, prompt="hi there", max_tokens=0, echo=True)
    assert answer["choices"][0]["text"] == "hi there"
    assert answer["usage"]["completion_tokens"] == 0
    *_, last = streamed(http, prompt="hi there", max_tokens=0, stream_options={"include_usage": True})
    assert last["usage"]["completion_tokens"] == 0


def test_offsets_point_into_the_text(http: httpx.Client):
    choice = done(http, prompt="[toy:say=caf\u00e9 x]", logprobs=1)["choices"][0]
    logprobs = choice["logprobs"]
    assert logprobs["tokens"] == ["c", "a", "f", "bytes:\\xc3", "bytes:\\xa9", " ", "x"]
    assert logprobs["text_offset"] == [0, 1, 2, 3, 3, 4, 5]
    assert all(token in top for token, top in zip(logprobs["tokens"], logprobs["top_logprobs"], strict=True))


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [[1], []]}, "prompt[1]"),
        ({"prompt": [999]}, "prompt"),
        ({"prompt": [-1]}, "prompt[0]"),
        ({"prompt": [[2**70]]}, "prompt[0][0]"),
        ({"prompt": ""}, "prompt"),
        ({"best_of": 2}, "best_of"),
        ({"n": 2, "best_of": 1}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"logprobs": 6}, "logprobs"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"echo": 3}, "echo"),
        ({"keep_alive": "soon"}, "keep_alive"),
        ({"prompt": "x" * 4000}, "prompt"),
    ],
    ids=str,
)
def test_a_wrong_field_is_400_and_named(http: httpx.Client, change: dict[str, Any], param: str):
    for stream in (False, True):
        answer = post(http, **{"prompt": "hi", "stream": stream} | change)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["param"] == param


def test_a_stream_that_breaks_tells_it(client: openai.OpenAI):
    prompts = ["[toy:say=fine]", "[toy:broken]"]
    with pytest.raises(openai.APIError, match="told to break"):
        list(client.completions.create(model="toy", prompt=prompts, stream=True))


@pytest.mark.unit
def test_prompts_are_told_apart():
    assert prompts_of("a") == ["a"]
    assert prompts_of([1, 2]) == [(1, 2)]
    assert prompts_of([[1], [2, 3]]) == [(1,), (2, 3)]
    with pytest.raises(InvalidRequest):
        prompts_of(["a", [1]])


def test_a_raw_prompt_may_be_constrained_too(http: httpx.Client):
    body = {"model": "toy", "prompt": "so", "max_tokens": 60}
    for field, value in (("guided_choice", ["yes", "no"]), ("structured_outputs", {"choice": ["yes", "no"]})):
        answer = http.post("/v1/completions", json={**body, field: value})
        assert answer.json()["choices"][0]["text"] in ("yes", "no")
    answer = http.post("/v1/completions", json={**body, "response_format": {"type": "json_object"}})
    assert isinstance(json.loads(answer.json()["choices"][0]["text"]), dict)
    refused = http.post("/v1/completions", json={**body, "guided_choice": ["a"], "guided_regex": "a"})
    assert refused.json()["error"]["param"] == "guided_choice"
