"""The contract of the OpenAI API, check by check, over every kind of provider.

A model without a capability must refuse what needs it; a model with it must do it right. The models of this module have
all that is asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import live_server

pytestmark = pytest.mark.integration

TEXT = {"scripted": "hi", "toy": "hi"}
# Every check of this module is then really made: none is passed by refusing.
NEEDED = {"chat", "completion", "embed", "tools", "schema", "logprobs", "prompt_logprobs"}
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}, "s": {"type": "string", "maxLength": 8}},
    "required": ["n", "s"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}]


class Streamed(NamedTuple):
    """A stream as a client reads it: its chunks without `[DONE]`, and whether that came last."""

    content_type: str
    chunks: list[dict[str, Any]]
    done: bool

    @property
    def choices(self) -> list[dict[str, Any]]:
        return [chunk["choices"][0] for chunk in self.chunks if chunk["choices"]]


class Subject:
    """`text` makes this model say at least a dozen tokens."""

    def __init__(self, http: httpx.Client, model: str, text: str) -> None:
        self.http = http
        self.model = model
        self.messages = [{"role": "user", "content": text}]
        self.post("/chat/completions", messages=self.messages, max_tokens=1)
        self.row: dict[str, Any] = http.get(f"/v1/models/{model}").json()

    def can(self, capability: str) -> bool:
        return capability in self.row["capabilities"]

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1{path}", json={"model": self.model, **body})

    def chat(self, **fields: Any) -> dict[str, Any]:
        answer = self.post("/chat/completions", **{"messages": self.messages, "max_tokens": 5, **fields})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def choice(self, **fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.chat(**fields)["choices"][0]
        return found

    def stream(self, path: str = "/chat/completions", **fields: Any) -> Streamed:
        body = {"model": self.model, "max_tokens": 5, "stream": True, **fields}
        if path == "/chat/completions":
            body.setdefault("messages", self.messages)
        with self.http.stream("POST", f"/v1{path}", json=body) as answer:
            lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
        assert answer.status_code == 200
        chunks = [json.loads(line) for line in lines if line != "[DONE]"]
        return Streamed(answer.headers["content-type"], chunks, lines[-1] == "[DONE]")

    def works(self, capability: str, path: str, **body: Any) -> dict[str, Any] | None:
        """The answer of a model with the capability. One without it has to refuse, by name; then None."""
        answer = self.post(path, **body)
        if self.can(capability):
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found
        assert refusal(answer) == 400
        assert answer.json()["error"]["code"] == "unsupported_value"
        return None


def refusal(answer: httpx.Response) -> int:
    """The status of an error, whose shape is checked."""
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"].strip()
    assert isinstance(error["type"], str)
    return answer.status_code


def demo_models() -> Iterator[ModelEntry]:
    try:
        import heylook_demo_model
    except ImportError:
        return
    for provider, path in (("mlx", heylook_demo_model.mlx_path()), ("gguf", heylook_demo_model.gguf_path())):
        config: dict[str, Any] = {"model_path": str(path), "temperature": 0.0}
        yield ModelEntry(id=f"demo/{provider}", provider=provider, config=config, placement="process")


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    models = (
        ModelEntry(id="toy", provider="toy", config={"context": 2048, "answer_tokens": 64}, placement="thread"),
        ModelEntry(id="scripted", provider="scripted", placement="thread"),
        *demo_models(),
    )
    settings = Settings(max_loaded_models=4, models=models, server=ServerSettings(port=0))
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


@pytest.fixture(scope="module", params=["toy", "scripted", "demo/mlx", "demo/gguf"])
def subject(request: pytest.FixtureRequest, http: httpx.Client) -> Subject:
    listed = [row["id"] for row in http.get("/v1/models").json()["data"]]
    provider = request.param.removeprefix("demo/")
    if request.param not in listed or (provider in ("mlx", "gguf") and not _installed(provider)):
        pytest.skip(f"{request.param} is not installed here")
    return Subject(http, request.param, TEXT.get(request.param, "Count from 3 to 9."))


def _installed(provider: str) -> bool:
    from importlib.util import find_spec

    return find_spec(f"heylook_{provider}") is not None


# ------------------------------------------------------------------ models


def test_a_listed_model_has_all_keys(subject: Subject):
    listed = subject.http.get("/v1/models").json()
    assert listed["object"] == "list"
    (row,) = [row for row in listed["data"] if row["id"] == subject.model]
    assert row["object"] == "model"
    assert isinstance(row["created"], int)
    assert row["owned_by"]
    assert row["loaded"] is True
    assert row["context_length"] > 0
    assert "chat" in row["capabilities"]


def test_a_model_has_what_the_checks_below_need(subject: Subject):
    assert set(subject.row["capabilities"]) >= NEEDED


def test_one_model_can_be_asked_for(subject: Subject):
    for name in (subject.model, subject.model.replace("/", "%2F")):
        assert subject.http.get(f"/v1/models/{name}").json()["id"] == subject.model
    assert refusal(subject.http.get("/v1/models/nope/none")) == 404


# ------------------------------------------------------------------ chat


def test_a_whole_answer_has_the_required_keys(subject: Subject):
    answer = subject.chat()
    assert answer["object"] == "chat.completion"
    assert isinstance(answer["created"], int)
    (choice,) = answer["choices"]
    assert choice.keys() >= {"index", "message", "logprobs", "finish_reason"}
    assert choice["message"]["role"] == "assistant"
    assert choice["message"].keys() >= {"content", "refusal"}
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_is_kept_under_either_name(subject: Subject, field: str):
    answer = subject.chat(**{"max_tokens": None, field: 5})
    assert answer["usage"]["completion_tokens"] == 5
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_stream_has_one_id_and_ends_with_done(subject: Subject):
    found = subject.stream()
    assert found.content_type.startswith("text/event-stream")
    assert found.done
    assert len({chunk["id"] for chunk in found.chunks}) == 1
    assert {chunk["object"] for chunk in found.chunks} == {"chat.completion.chunk"}


def test_the_role_comes_once_and_first(subject: Subject):
    deltas = [choice["delta"] for choice in subject.stream().choices]
    assert deltas[0]["role"] == "assistant"
    assert not any("role" in delta for delta in deltas[1:])


def test_the_reason_comes_last_and_alone(subject: Subject):
    choices = subject.stream().choices
    assert choices[-1]["finish_reason"] == "length"
    assert choices[-1]["delta"] == {}
    assert all(choice["finish_reason"] is None for choice in choices[:-1])


def test_usage_comes_in_a_chunk_of_its_own_if_asked(subject: Subject):
    *others, last = subject.stream(stream_options={"include_usage": True}).chunks
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 5
    assert last["object"] == "chat.completion.chunk"
    assert all(chunk["usage"] is None for chunk in others)


def test_usage_does_not_come_unasked(subject: Subject):
    assert all(chunk["choices"] and "usage" not in chunk for chunk in subject.stream().chunks)


def test_two_answers_come_in_order(subject: Subject):
    assert [choice["index"] for choice in subject.chat(n=2)["choices"]] == [0, 1]
    assert [choice["index"] for choice in subject.stream(n=2).choices[:2]] == [0, 1]


def test_a_seed_makes_the_same_answer_twice(subject: Subject):
    first, second = (
        subject.choice(seed=7, temperature=1.0, max_tokens=12)["message"]["content"] for _ in range(2)
    )  # fmt: skip
    assert first == second


def test_a_stop_text_ends_the_answer_before_it(subject: Subject):
    text = subject.choice(temperature=0, max_tokens=12)["message"]["content"]
    stop = text[len(text) // 2 : len(text) // 2 + 3]
    found = subject.choice(temperature=0, max_tokens=12, stop=[stop])
    assert found["message"]["content"] == text[: text.index(stop)]
    assert found["finish_reason"] == "stop"


def test_logprobs_tell_of_every_token(subject: Subject):
    body = {"messages": subject.messages, "max_tokens": 4, "temperature": 0, "logprobs": True, "top_logprobs": 3}
    answer = subject.works("logprobs", "/chat/completions", **body)
    if answer is None:
        return
    choice = answer["choices"][0]
    tokens = choice["logprobs"]["content"]
    assert len(tokens) == 4
    assert all(token.keys() == {"token", "logprob", "bytes", "top_logprobs"} for token in tokens)
    assert all(len(token["top_logprobs"]) == 3 for token in tokens)
    assert b"".join(bytes(token["bytes"]) for token in tokens).decode() == choice["message"]["content"]


def test_biases_of_tokens_are_taken(subject: Subject):
    assert subject.chat(logit_bias={"5": 100})["choices"]


def test_a_developer_and_parts_of_text_are_understood(subject: Subject):
    text = subject.messages[0]["content"]
    parts = {"role": "user", "content": [{"type": "text", "text": text}]}
    whole = subject.choice(temperature=0)
    assert subject.choice(temperature=0, messages=[parts])["message"] == whole["message"]
    assert subject.choice(messages=[{"role": "developer", "content": "x"}, parts])


def test_null_means_absent(subject: Subject):
    names = (
        *("temperature", "top_p", "stop", "seed", "logprobs", "top_logprobs", "n", "stream", "stream_options", "tools"),
        *(
            "tool_choice",
            "response_format",
            "logit_bias",
            "frequency_penalty",
            "presence_penalty",
            "user",
            "keep_alive",
        ),
        *("reasoning_effort", "parallel_tool_calls", "processing_mode", "include_performance", "chat_template_kwargs"),
    )
    assert subject.chat(**dict.fromkeys(names))["choices"]


def test_unknown_fields_are_ignored(subject: Subject):
    assert subject.chat(store=False, metadata={"a": "b"}, service_tier="auto", foo=1)["choices"]


def test_switching_thinking_off_is_harmless_everywhere(subject: Subject):
    assert subject.chat(reasoning_effort="none")["choices"]
    assert subject.chat(chat_template_kwargs={"enable_thinking": False})["choices"]


@pytest.mark.parametrize(
    "format_",
    [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}],
    ids=lambda format_: format_["type"],
)
def test_constrained_answers_are_json(subject: Subject, format_: dict[str, Any]):
    body = {"messages": subject.messages, "max_tokens": 200, "temperature": 0, "response_format": format_}
    answer = subject.works("schema", "/chat/completions", **body)
    if answer is None:
        return
    choice = answer["choices"][0]
    found = json.loads(choice["message"]["content"])
    assert isinstance(found, dict)
    if format_["type"] == "json_schema":
        assert 0 <= found["n"] <= 99
        assert len(found["s"]) <= 8


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}], ids=["any", "named"])
def test_a_call_that_is_asked_for_is_made(subject: Subject, choice: Any):
    body = {"messages": subject.messages, "max_tokens": 200, "temperature": 0, "tools": TOOLS, "tool_choice": choice}
    if not subject.can("tools"):
        assert subject.works("tools", "/chat/completions", **body) is None
        return
    answer = subject.works("schema", "/chat/completions", **body)
    if answer is None:
        return
    made = answer["choices"][0]
    (call,) = made["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["id"]
    assert call["function"]["name"] == "f"
    assert isinstance(json.loads(call["function"]["arguments"])["n"], int)
    assert made["message"]["content"] is None
    assert made["finish_reason"] == "tool_calls"


# ------------------------------------------------------------------ completions, embeddings, responses


def test_a_completion_has_the_legacy_shape(subject: Subject):
    answer = subject.works("completion", "/completions", prompt="hi", max_tokens=4, temperature=0)
    if answer is None:
        return
    assert answer["object"] == "text_completion"
    assert answer["choices"][0].keys() == {"text", "index", "logprobs", "finish_reason"}
    scored = subject.works("logprobs", "/completions", prompt="hi", max_tokens=4, temperature=0, logprobs=2)
    if scored is not None:
        logprobs = scored["choices"][0]["logprobs"]
        assert logprobs.keys() == {"tokens", "token_logprobs", "top_logprobs", "text_offset"}
        assert {len(column) for column in logprobs.values()} == {4}


def test_prompts_come_as_texts_and_as_tokens(subject: Subject):
    answer = subject.works("completion", "/completions", prompt=["a", "b"], max_tokens=2)
    if answer is None:
        return
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    tokens = subject.works("completion", "/completions", prompt=[5, 6, 7], max_tokens=2)
    assert tokens is not None
    assert tokens["usage"]["prompt_tokens"] == 3


def test_an_echo_is_scored_from_its_second_token_on(subject: Subject):
    if not subject.can("completion"):
        return
    for limit in (0, 1):
        body = {"prompt": "hi there", "max_tokens": limit, "echo": True, "logprobs": 1, "temperature": 0}
        answer = subject.works("prompt_logprobs", "/completions", **body)
        if answer is None:
            continue
        choice = answer["choices"][0]
        assert choice["text"].startswith("hi there")
        assert choice["logprobs"]["token_logprobs"][0] is None
        assert choice["logprobs"]["top_logprobs"][0] is None
        assert len(choice["logprobs"]["tokens"]) >= 2
        assert all(isinstance(value, float) for value in choice["logprobs"]["token_logprobs"][1:])


def test_a_streamed_completion_ends_with_usage(subject: Subject):
    if not subject.can("completion"):
        return
    found = subject.stream("/completions", prompt="hi", max_tokens=4, stream_options={"include_usage": True})
    assert found.done
    assert found.chunks[-1]["choices"] == []
    assert found.chunks[-1]["usage"]["total_tokens"]


def test_embeddings_are_numbers_or_base64_of_them(subject: Subject):
    answer = subject.works("embed", "/embeddings", input=["a", "b"])
    if answer is None:
        return
    assert answer["object"] == "list"
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert answer["usage"]["prompt_tokens"] > 0
    encoded = subject.works("embed", "/embeddings", input=["a"], encoding_format="base64")
    assert encoded is not None
    assert len(base64.b64decode(encoded["data"][0]["embedding"])) == 4 * len(answer["data"][0]["embedding"])
    short = subject.works("embed", "/embeddings", input=[1, 2, 3], dimensions=32)
    assert short is not None
    assert len(short["data"][0]["embedding"]) == 32
    assert short["usage"]["prompt_tokens"] >= 3


def test_a_response_is_a_response(subject: Subject):
    answer = subject.post("/responses", input=subject.messages[0]["content"], max_output_tokens=5)
    assert answer.status_code == 200, answer.text
    assert answer.json()["object"] == "response"


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize("body", [b"{bad", b"[]"])
def test_a_body_that_is_no_object_is_400(subject: Subject, body: bytes):
    assert refusal(subject.http.post("/v1/chat/completions", content=body)) == 400


@pytest.mark.parametrize(
    "change",
    [
        {"messages": "x"},
        {"messages": []},
        {"messages": [{"role": "zz", "content": "x"}]},
        {"temperature": 5},
        {"temperature": "a"},
        {"max_tokens": -1},
        {"response_format": {"type": "sound"}},
        {"processing_mode": "bogus"},
    ],
    ids=str,
)
def test_a_wrong_field_is_400(subject: Subject, change: dict[str, Any]):
    assert refusal(subject.post("/chat/completions", **{"messages": subject.messages, "max_tokens": 2} | change)) == 400


def test_missing_messages_are_400_and_an_unknown_model_is_404(subject: Subject):
    assert refusal(subject.post("/chat/completions")) == 400
    assert refusal(subject.post("/chat/completions", model="no-such/model", messages=subject.messages)) == 404


def test_a_prompt_that_does_not_fit_is_400(subject: Subject):
    answer = subject.post("/chat/completions", messages=[{"role": "user", "content": "word " * 9000}], max_tokens=2)
    assert refusal(answer) == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"


def test_an_unknown_path_is_404_and_a_wrong_method_405(subject: Subject):
    assert refusal(subject.http.get("/v1/nope")) == 404
    assert refusal(subject.http.get("/v1/chat/completions")) == 405


def test_a_page_on_this_machine_may_ask(subject: Subject):
    headers = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}
    answer = subject.http.options("/v1/chat/completions", headers=headers)
    assert answer.status_code in (200, 204)
    assert "access-control-allow-origin" in answer.headers


def test_every_answer_has_an_id(subject: Subject):
    answer = subject.post("/chat/completions", messages=subject.messages, max_tokens=2)
    assert answer.headers["x-request-id"]


def test_a_client_that_leaves_does_not_hold_up_the_next(subject: Subject):
    body = {"model": subject.model, "messages": subject.messages, "max_tokens": 400, "stream": True}
    with subject.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        for _ in zip(range(3), answer.iter_lines(), strict=False):
            pass
    assert subject.chat(max_tokens=2)["choices"]
