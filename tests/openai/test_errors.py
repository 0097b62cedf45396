"""What goes wrong, in OpenAI's shape, with the status that makes the official client do the right thing."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from heylook_api_openai.errors import error_reply
from heylook_core import errors
from heylook_core.errors import HeylookError
from heylook_core.testkit.server import live_server, toy_settings

NO_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "letters"}}}
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def refused(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    """Status, param and code; the shape is checked on the way."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"].strip()
    assert isinstance(error["type"], str)
    return answer.status_code, error["param"], error["code"]


@pytest.mark.integration
@pytest.mark.parametrize("body", [b"{bad", b"[]", b'"text"', b"null", b"", b"  ", b"\xff\xfe", b"[" * 100_000])
def test_body_that_is_no_json_object_is_400_without_param(http: httpx.Client, body: bytes):
    assert refused(http.post("/v1/chat/completions", content=body)) == (400, None, None)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"messages": None}, "messages", "invalid_type"),
        ({"messages": "x"}, "messages", "invalid_type"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "zz", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": user([{"type": "x"}])}, "messages[0].content[0].type", "invalid_value"),
        ({"messages": user([{"type": "file", "file": {}}])}, "messages[0].content[0]", "unsupported_value"),
        ({"messages": user([{"type": "image_url", "image_url": "data:,x"}])}, "messages", "unsupported_value"),
        ({"messages": user("word " * 900)}, "messages", "context_length_exceeded"),
        ({"model": 3}, "model", "invalid_type"),
        ({"temperature": 5}, "temperature", "invalid_value"),
        ({"temperature": "a"}, "temperature", "invalid_type"),
        ({"top_p": -0.1}, "top_p", "invalid_value"),
        ({"max_tokens": -1}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "invalid_value"),
        ({"n": 129}, "n", "invalid_value"),
        ({"seed": 2**63}, "seed", "invalid_value"),
        ({"max_tokens": 2**70}, "max_tokens", "invalid_value"),
        ({"top_k": 2**40}, "top_k", "invalid_value"),
        ({"repetition_context_size": 2**40}, "repetition_context_size", "invalid_value"),
        ({"thinking_budget": 2**40}, "thinking_budget", "invalid_value"),
        ({"presence_penalty": 3}, "presence_penalty", "invalid_value"),
        ({"logit_bias": {"x": 1}}, "logit_bias", "invalid_value"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"top_logprobs": 3}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"response_format": {"type": "sound"}}, "response_format.type", "invalid_value"),
        ({"response_format": NO_SCHEMA}, "response_format", "invalid_value"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type", "unsupported_value"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tool_choice": "sometimes"}, "tool_choice", "invalid_value"),
        ({"functions": [{"name": "f"}]}, "functions", "unsupported_value"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_wrong_field_is_400_and_named(http: httpx.Client, change: dict[str, Any], param: str, code: str):
    answer = http.post("/v1/chat/completions", json={"model": "toy", "messages": HELLO} | change)
    assert refused(answer) == (400, param, code), answer.text


@pytest.mark.integration
def test_missing_messages_are_400(http: httpx.Client):
    answer = http.post("/v1/chat/completions", json={"model": "toy"})
    assert refused(answer) == (400, "messages", "missing_required_parameter")


@pytest.mark.integration
def test_unknown_model_is_404_for_every_route(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError) as chat:
        client.chat.completions.create(model="no/such", messages=HELLO)
    assert (chat.value.code, chat.value.param, chat.value.type) == ("model_not_found", "model", "invalid_request_error")
    assert chat.value.request_id
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/such")


@pytest.mark.integration
def test_body_over_the_limit_is_413_announced_or_counted(http: httpx.Client):
    body = b'{"model": "' + b"x" * (1 << 20) + b'"}'

    def pieces() -> Any:
        yield from (body[at : at + 65536] for at in range(0, len(body), 65536))

    for content in (body, pieces()):
        assert refused(http.post("/v1/chat/completions", content=content)) == (413, None, "request_too_large")


@pytest.mark.integration
def test_unknown_route_is_404_and_wrong_method_405_with_allow(http: httpx.Client):
    assert refused(http.get("/v1/nope")) == (404, None, None)
    answer = http.get("/v1/chat/completions")
    assert refused(answer) == (405, None, None)
    assert "POST" in answer.headers["allow"]
    assert refused(http.delete("/v1/models")) == (405, None, None)


@pytest.mark.integration
def test_model_that_cannot_be_loaded_is_503_and_not_worth_repeating(http: httpx.Client):
    answer = http.post("/v1/chat/completions", json={"model": "broken", "messages": HELLO})
    assert refused(answer) == (503, None, "model_load_failed")
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.integration
def test_a_full_queue_is_429_and_says_when_to_come_back():
    settings = toy_settings(server={"max_queue": 1}, max_concurrency=1, step_delay=0.05, answer_tokens=2000)
    asked = {"model": "toy", "messages": HELLO, "stream": True}
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        with (
            http.stream("POST", "/v1/chat/completions", json=asked) as running,
            http.stream("POST", "/v1/chat/completions", json=asked) as waiting,
        ):
            assert (running.status_code, waiting.status_code) == (200, 200)
            answer = http.post("/v1/chat/completions", json={"model": "toy", "messages": HELLO})
        assert refused(answer) == (429, None, "rate_limit_exceeded")
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.integration
def test_crash_is_500_and_the_next_request_works(client: openai.OpenAI):
    with pytest.raises(openai.InternalServerError) as crash:
        client.chat.completions.create(model="toy", messages=[{"role": "user", "content": "[toy:crash]"}])
    assert crash.value.type == "server_error"
    assert crash.value.response.headers["x-should-retry"] == "false"
    assert client.chat.completions.create(model="toy", messages=HELLO, max_tokens=1).choices


def _tree(kind: type[HeylookError]) -> list[type[HeylookError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _tree(child))]


@pytest.mark.unit
@pytest.mark.parametrize("kind", _tree(HeylookError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_core_has_a_wording(kind: type[HeylookError]):
    reply = error_reply(kind("Something is wrong.", param="field"))
    assert reply.body["error"].keys() == {"message", "type", "param", "code"}
    assert 400 <= reply.status <= 503
    assert issubclass(kind, errors.RequestError) == (reply.status < 500 and reply.status != 429)


@pytest.mark.unit
def test_retry_after_is_whole_seconds_and_only_where_waiting_helps():
    assert error_reply(errors.Busy("Full.", retry_after=2.2)).headers == {"retry-after": "3"}
    assert error_reply(errors.Unavailable("Stopping.")).headers == {"retry-after": "1"}
    assert error_reply(errors.LoadFailed("No such file.")).headers == {"x-should-retry": "false"}
    again = error_reply(errors.LoadFailed("It is tried again in 10 s.", retry_after=9.4))
    assert again.headers == {"retry-after": "10", "x-should-retry": "false"}
    assert error_reply(errors.InvalidRequest("No.")).headers == {}
