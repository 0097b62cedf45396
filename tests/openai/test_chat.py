"""POST /v1/chat/completions, whole answers, through the official client."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from heylook_api_openai.schema import OpenAIChatRequest

pytestmark = pytest.mark.integration

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}},
}


def test_answer_has_every_required_key(http: httpx.Client):
    answer = http.post("/v1/chat/completions", json={"model": "toy", "messages": HELLO, "max_tokens": 5}).json()
    assert answer["id"].startswith("chatcmpl-")
    assert (answer["object"], answer["model"]) == ("chat.completion", "toy")
    assert isinstance(answer["created"], int)
    [choice] = answer["choices"]
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "length", None)
    assert choice["message"].keys() == {"role", "content", "refusal"}
    usage = answer["usage"]
    assert usage["completion_tokens"] == 5
    assert usage["total_tokens"] == usage["prompt_tokens"] + 5
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 0}
    assert isinstance(usage["prompt_tokens_details"]["cached_tokens"], int)


def test_answer_that_ends_by_itself_says_stop(client: openai.OpenAI):
    answer = client.chat.completions.create(model="toy", messages=HELLO)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens >= 12


def test_max_completion_tokens_wins_over_max_tokens(client: openai.OpenAI):
    answer = client.chat.completions.create(model="toy", messages=HELLO, max_completion_tokens=3, max_tokens=9)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_choices_come_in_order_and_usage_is_their_sum(client: openai.OpenAI):
    answer = client.chat.completions.create(model="toy", messages=HELLO, max_tokens=4, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


def test_seed_reproduces_and_another_seed_differs(client: openai.OpenAI):
    def text(seed: int) -> str | None:
        answer = client.chat.completions.create(model="toy", messages=HELLO, seed=seed, max_tokens=12)
        return answer.choices[0].message.content

    assert text(7) == text(7)
    assert text(7) != text(8)
    assert text(-1) == text(-1)


def test_stop_string_ends_the_answer_and_is_not_in_it(client: openai.OpenAI):
    def ask(stop: list[str] | None) -> Any:
        return client.chat.completions.create(model="toy", messages=HELLO, temperature=0, stop=stop).choices[0]

    whole = ask(None).message.content
    stopped = ask(["never seen", "", whole[4:6], "a", "b", "c"][:3])
    assert stopped.message.content == whole[: whole.index(whole[4:6])]
    assert stopped.finish_reason == "stop"


def test_logprobs_are_those_of_the_content(client: openai.OpenAI):
    answer = client.chat.completions.create(
        model="toy", messages=HELLO, max_tokens=4, temperature=0, logprobs=True, top_logprobs=3
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 4
    assert all(len(token.top_logprobs) == 3 and token.logprob < 0 for token in logprobs.content)
    content = answer.choices[0].message.content
    assert content is not None
    assert b"".join(bytes(token.bytes or []) for token in logprobs.content).decode("utf-8", "replace") == content


def test_tool_calls_and_reasoning_are_told_apart(client: openai.OpenAI):
    answer = client.chat.completions.create(model="acme/calling", messages=HELLO, tools=[TOOL])
    message: Any = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.content == "Let me see."
    assert message.reasoning_content == "First I think."
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("call_0", "add", '{"n": 0}'),
        ("call_1", "add", '{"n": 1}'),
    ]
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 4


def test_null_means_absent_in_every_optional_field(http: httpx.Client):
    names = {*OpenAIChatRequest.__struct_fields__, "user", "metadata", "store"} - {"model", "messages"}
    message = HELLO[0] | dict.fromkeys(("name", "tool_calls", "tool_call_id", "refusal", "reasoning_content"))
    answer = http.post("/v1/chat/completions", json={"model": "toy", "messages": [message]} | dict.fromkeys(names))
    assert answer.status_code == 200, answer.text


def test_unknown_fields_are_ignored(http: httpx.Client):
    extra = {"foo": 1, "store": False, "metadata": {"a": "b"}, "stream_options": {"continuous_usage_stats": True}}
    answer = http.post("/v1/chat/completions", json={"model": "toy", "messages": HELLO, "max_tokens": 1} | extra)
    assert answer.status_code == 200, answer.text


def test_json_in_another_content_type_is_accepted(http: httpx.Client):
    body = b'{"model": "toy", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = http.post("/v1/chat/completions", content=body, headers={"content-type": content_type})
        assert answer.status_code == 200, answer.text


def test_default_model_answers_a_request_that_names_none(http: httpx.Client):
    answer = http.post("/v1/chat/completions", json={"messages": HELLO, "max_tokens": 1})
    assert answer.json()["model"] == "toy"


def test_every_route_of_the_models_is_there(client: openai.OpenAI, http: httpx.Client):
    assert [model.id for model in client.models.list()] == ["toy", "acme/calling", "scripted", "broken"]
    assert client.models.retrieve("acme/calling").owned_by == "heylook"
    for path in ("acme/calling", "acme%2Fcalling"):
        model = http.get(f"/v1/models/{path}").json()
        assert model.keys() == {
            *("id", "object", "created", "owned_by"),
            *("provider", "description", "capabilities", "context_length", "loaded"),
        }
        assert (model["id"], model["object"], model["provider"]) == ("acme/calling", "model", "calling")


def test_a_message_that_has_begun_is_gone_on_from(http: httpx.Client):
    asked, begun = {"role": "user", "content": "say so"}, {"role": "assistant", "content": "it is"}
    body = {"model": "scripted", "messages": [asked, begun], "continue_final_message": True}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.json()["choices"][0]["message"]["content"] == "goes on from ['is']"
    refused = http.post("/v1/chat/completions", json=body | {"messages": [begun, asked]})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "continue_final_message"
