"""The official Python client, sync and async, streaming and not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import ollama
import pytest
from pydantic import BaseModel

from heylook_core.testkit.server import LiveServer

pytestmark = pytest.mark.integration

HELLO = [{"role": "user", "content": "hello"}]
SAY = [{"role": "user", "content": "[toy:say=hello there]"}]


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
      a: the first
      b: the second
    """
    return a + b


def test_chat_whole_and_streamed_is_the_same(client: ollama.Client):
    whole = client.chat("toy", SAY, think=False)
    assert (whole.message.content, whole.done, whole.done_reason) == ("hello there", True, "stop")
    chunks = list(client.chat("toy", SAY, think=False, stream=True))
    assert "".join(chunk.message.content or "" for chunk in chunks) == "hello there"
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].eval_count == whole.eval_count
    assert all(chunk.eval_count is None for chunk in chunks[:-1])


def test_generate_whole_streamed_and_continued(client: ollama.Client):
    whole = client.generate("toy", "[toy:say=hello]", think=False)
    assert whole.response == "hello"
    chunks = list(client.generate("toy", "[toy:say=hello]", think=False, stream=True))
    assert "".join(chunk.response or "" for chunk in chunks) == "hello"
    assert chunks[-1].context == whole.context
    assert client.generate("toy", "[toy:say=more]", context=whole.context, think=False).response == "more"


def test_thinking_with_and_without_levels(client: ollama.Client):
    for think in (True, "high"):
        message = client.chat("caller", HELLO, think=think).message
        assert (message.thinking, message.content) == ("First I think.", "Let me see.")
    assert client.chat("caller", HELLO, think=False).message.thinking is None


def test_functions_are_called_with_objects_and_their_results_understood(client: ollama.Client):
    answer = client.chat("caller", HELLO, tools=[add])
    calls = answer.message.tool_calls
    assert [(call.function.name, call.function.arguments["n"]) for call in calls] == [("add", 0), ("add", 1)]
    talk: list[Any] = [*HELLO, answer.message]
    talk += [{"role": "tool", "tool_name": "add", "content": str(number)} for number in (3, 4)]
    talk.append({"role": "user", "content": "show"})
    request = json.loads(client.chat("caller", talk).message.content or "")
    made = [call["id"] for call in request["messages"][1]["tool_calls"]]
    assert [one["tool_call_id"] for one in request["messages"] if one["role"] == "tool"] == made
    assert len(set(made)) == 2
    streamed = [
        call
        for chunk in client.chat("caller", HELLO, tools=[add], stream=True)
        for call in chunk.message.tool_calls or ()
    ]
    assert [call.function.arguments["n"] for call in streamed] == [0, 1]


def test_whole_round_with_a_tool_thinking_and_a_schema(client: ollama.Client):
    talk: list[Any] = [{"role": "user", "content": "please add 2 and 3"}]
    answer = client.chat("scripted", talk, tools=[add])
    assert answer.message.thinking
    [call] = answer.message.tool_calls or ()
    assert isinstance(call.function.arguments["a"], int)
    talk += [answer.message, {"role": "tool", "tool_name": "add", "content": "5"}]
    assert client.chat("scripted", talk, tools=[add], think=False).message.content == "The result is 5"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    found = client.chat("scripted", [{"role": "user", "content": "count"}], format=schema, think=False).message.content
    assert isinstance(json.loads(found or "")["n"], int)


def test_schema_of_a_pydantic_model_is_passed_on(client: ollama.Client):
    class Country(BaseModel):
        name: str
        population: int

    talk = [{"role": "user", "content": "show"}]
    schema = Country.model_json_schema()
    request = json.loads(client.chat("caller", talk, format=schema).message.content or "")
    assert request["format"]["schema"] == schema


def test_models_are_listed_shown_and_watched(client: ollama.Client):
    names = [model.model for model in client.list().models]
    assert {"toy:latest", "acme/Calling:latest", "caller:latest", "caller:7b"} <= set(names)
    card = client.show("toy")
    assert card.modelinfo is not None
    assert card.modelinfo["general.architecture"] == "toy"
    assert "completion" in (card.capabilities or ())
    client.generate("toy", "", keep_alive=-1)
    assert "toy:latest" in [model.name for model in client.ps().models]


def test_keep_alive_loads_pins_and_unloads(client: ollama.Client):
    assert client.generate("scripted", "").done_reason == "load"
    assert client.chat("scripted", [], keep_alive=-1).done_reason == "load"
    assert client.generate("scripted", "", keep_alive=0).done_reason == "unload"
    assert "scripted:latest" not in [model.name for model in client.ps().models]


def test_embeddings_of_one_and_of_several(client: ollama.Client):
    both = client.embed("toy", ["a", "b"]).embeddings
    assert len(both) == 2
    assert list(client.embed("toy", "a").embeddings[0]) == list(both[0])
    assert list(client.embeddings("toy", "a").embedding) == list(both[0])


def test_logprobs_are_understood(client: ollama.Client):
    found = client.chat("toy", SAY, think=False, logprobs=True, top_logprobs=2).logprobs
    assert "".join(one.token for one in found or ()) == "hello there"
    assert all(one.logprob <= 0 and len(one.top_logprobs or ()) == 2 for one in found or ())


def test_pull_of_what_is_there_succeeds(client: ollama.Client):
    assert client.pull("toy").status == "success"
    assert [one.status for one in client.pull("toy", stream=True)][-1] == "success"


@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_response_errors_with_status_and_text(client: ollama.Client, stream: bool):
    with pytest.raises(ollama.ResponseError, match="not found") as error:
        list(client.chat("nope", HELLO, stream=stream))  # type: ignore[call-overload]
    assert error.value.status_code == 404


def test_error_in_the_middle_of_a_stream_is_a_response_error(client: ollama.Client):
    with pytest.raises(ollama.ResponseError, match="told to fail"):
        list(client.chat("scripted", [{"role": "user", "content": "fail"}], stream=True))


@pytest.mark.parametrize("call", ["create", "copy", "delete", "push"])
def test_what_this_server_does_not_do_is_a_response_error(client: ollama.Client, call: str):
    calls = {
        "create": lambda: client.create("m", from_="toy"),
        "copy": lambda: client.copy("toy", "b"),
        "delete": lambda: client.delete("toy"),
        "push": lambda: client.push("toy"),
    }
    with pytest.raises(ollama.ResponseError, match=r"models\.yaml|publish") as error:
        calls[call]()
    assert error.value.status_code == 501


def test_async_client_does_the_same(server: LiveServer):
    async def whole() -> None:
        async with ollama.AsyncClient(server.url) as client:
            assert (await client.chat("toy", SAY, think=False)).message.content == "hello there"
            stream = await client.chat("toy", SAY, think=False, stream=True)
            assert "".join([chunk.message.content or "" async for chunk in stream]) == "hello there"
            generated = await client.generate("toy", "[toy:say=x]", think=False, stream=True)
            assert "".join([chunk.response or "" async for chunk in generated]) == "x"
            answers = await asyncio.gather(
                *(client.generate("toy", f"[toy:say={number}]", think=False) for number in range(8))
            )
            assert [answer.response for answer in answers] == [str(number) for number in range(8)]
            assert len((await client.embed("toy", ["a"])).embeddings) == 1
            assert (await client.list()).models
            assert (await client.ps()) is not None

    asyncio.run(whole())
