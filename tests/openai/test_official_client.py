"""The official client as its users call it: sync and async, streams with its accumulators, parsed answers."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import numpy as np
import openai
import pytest
from pydantic import BaseModel

from heylook_core.testkit.server import LiveServer

pytestmark = pytest.mark.integration

ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
FLAT_ADD: Any = {"type": "function", **ADD["function"]}


class Person(BaseModel):
    name: str
    age: int


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_an_answer_is_parsed_into_a_model(client: openai.OpenAI):
    answer = client.chat.completions.parse(model="scripted", messages=said("'Bob' is 42"), response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Bob", age=42)
    response = client.responses.parse(model="scripted", input="'Bob' is 42", text_format=Person)
    assert response.output_parsed == Person(name="Bob", age=42)


def test_a_streamed_answer_accumulates(client: openai.OpenAI):
    with client.chat.completions.stream(
        model="scripted", messages=said("say one two three"), stream_options={"include_usage": True}
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    choice = final.choices[0]
    assert "".join(deltas) == choice.message.content == "one two three"
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert final.usage is not None
    assert final.usage.completion_tokens == 3


def test_a_streamed_call_accumulates_once(client: openai.OpenAI):
    with client.chat.completions.stream(
        model="scripted", messages=said("add 2 and 3"), tools=[ADD], tool_choice="required"
    ) as stream:
        list(stream)
        choice = stream.get_final_completion().choices[0]
    (call,) = choice.message.tool_calls or ()
    assert call.function.name == "add"
    assert call.id.count("call_") == 1
    assert call.function.parsed_arguments == {"a": 2, "b": 3}
    assert choice.finish_reason == "tool_calls"


def test_two_streamed_answers_accumulate_apart(client: openai.OpenAI):
    with client.chat.completions.stream(model="toy", messages=said("hi"), n=2) as stream:
        list(stream)
        final = stream.get_final_completion()
    assert [choice.index for choice in final.choices] == [0, 1]
    assert all(choice.message.content for choice in final.choices)


def test_a_tool_is_called_and_its_result_used(client: openai.OpenAI):
    conversation = said("add 2 and 3")
    first = client.chat.completions.create(model="scripted", messages=conversation, tools=[ADD]).choices[0].message
    (call,) = first.tool_calls or ()
    conversation += [first.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "5"}]
    last = client.chat.completions.create(model="scripted", messages=conversation, tools=[ADD])
    assert last.choices[0].message.content == "The result is 5"


def test_the_async_client_gets_many_answers_at_once(server: LiveServer):
    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:

            async def one(number: int) -> str | None:
                found = await client.chat.completions.create(model="scripted", messages=said(f"say number {number}"))
                return found.choices[0].message.content

            return await asyncio.gather(*map(one, range(8)))

    assert asyncio.run(ask()) == [f"number {number}" for number in range(8)]


def test_an_async_stream_can_be_left(server: LiveServer):
    async def ask() -> str:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
            stream = await client.chat.completions.create(
                model="scripted", messages=said("repeat 5000 so"), stream=True
            )  # fmt: skip
            async for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
            await stream.close()
            found = await client.chat.completions.create(model="scripted", messages=said("say still here"))
            return found.choices[0].message.content or ""

    assert asyncio.run(ask()) == "still here"


# ------------------------------------------------------------------ embeddings


def test_embeddings_come_as_numbers_whatever_travels(client: openai.OpenAI):
    default = client.embeddings.create(model="toy", input=["one", "two", "one"])
    floats = client.embeddings.create(model="toy", input=["one", "two", "one"], encoding_format="float")
    assert [row.index for row in default.data] == [0, 1, 2]
    vectors = [np.array(row.embedding, dtype=np.float32) for row in default.data]
    for vector, other in zip(vectors, floats.data, strict=True):
        assert (vector == np.array(other.embedding, dtype=np.float32)).all()
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert (vectors[0] == vectors[2]).all()
    assert default.usage.prompt_tokens == default.usage.total_tokens == 9


def test_shortened_embeddings_are_normalised_again(client: openai.OpenAI):
    whole = np.array(client.embeddings.create(model="toy", input="one").data[0].embedding)
    short = np.array(client.embeddings.create(model="toy", input="one", dimensions=16).data[0].embedding)
    assert short == pytest.approx(whole[:16] / np.linalg.norm(whole[:16]), abs=1e-6)


# ------------------------------------------------------------------ responses


def test_a_response_has_text_usage_and_no_state(client: openai.OpenAI):
    response = client.responses.create(model="scripted", input="say one two", instructions="be brief")
    assert response.output_text == "one two"
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="scripted", input="more", previous_response_id=response.id)
    assert refused.value.param == "previous_response_id"


def test_the_async_client_parses_and_streams_responses_too(server: LiveServer):
    async def told() -> tuple[Any, str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as made:
            parsed = await made.responses.parse(model="scripted", input="'Bob' is 42", text_format=Person)
            async with made.responses.stream(model="scripted", input="say one two") as stream:
                final = await stream.get_final_response()
        return parsed.output_parsed, final.output_text

    assert asyncio.run(told()) == (Person(name="Bob", age=42), "one two")


def test_a_streamed_response_accumulates(client: openai.OpenAI):
    with client.responses.stream(model="scripted", input="say one two three") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "one two three"
    assert kinds[:4] == [
        *("response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"),
    ]
    assert kinds[-4:] == [
        *("response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"),
    ]


def test_a_streamed_response_that_is_cut_is_incomplete(client: openai.OpenAI):
    with client.responses.create(model="scripted", input="repeat 9 so", max_output_tokens=3, stream=True) as stream:
        last = list(stream)[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_a_response_calls_a_tool_and_goes_on(client: openai.OpenAI):
    given: list[Any] = said("add 2 and 3")
    with client.responses.stream(model="scripted", input=given, tools=[FLAT_ADD]) as stream:
        list(stream)
        first = stream.get_final_response()
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert (call.name, call.arguments) == ("add", '{"a": 2, "b": 3}')
    given += [item.model_dump(exclude_none=True) for item in first.output]
    given.append({"type": "function_call_output", "call_id": call.call_id, "output": "5"})
    assert client.responses.create(model="scripted", input=given, tools=[FLAT_ADD]).output_text == "The result is 5"


def test_what_a_model_thinks_is_an_item_of_its_own(client: openai.OpenAI):
    with client.responses.stream(model="scripted", input="think so much", reasoning={"effort": "low"}) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert {"response.reasoning_text.delta", "response.reasoning_text.done"} <= kinds
    assert [item.type for item in final.output] == ["reasoning", "message"]


def test_streamed_and_whole_responses_are_the_same(client: openai.OpenAI):
    asked: dict[str, Any] = {"model": "scripted", "input": "think add 2 and 3", "tools": [FLAT_ADD]}
    whole = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        list(stream)
        streamed = stream.get_final_response()

    def told(response: Any) -> list[Any]:
        own = ("id", "call_id", "parsed_arguments")
        return [{key: value for key, value in item.model_dump().items() if key not in own} for item in response.output]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pydantic on the client's own union of output items
        assert told(whole) == told(streamed)


def test_a_response_that_breaks_off_raises(client: openai.OpenAI):
    with (
        pytest.raises(openai.APIError, match="failed"),
        client.responses.create(model="scripted", input="fail", stream=True) as stream,
    ):
        list(stream)
