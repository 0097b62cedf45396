"""A fresh install answers right: the official client, a real server process, real models, greedy by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import openai
import pytest
from answers import Answered, Told, asked, at_once, expected, streamed, whole
from pydantic import BaseModel

from heylook_demo_model.prompts import proven

pytestmark = pytest.mark.integration

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather for a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_the_demo_model_is_there_without_any_configuration(listed: list[str]):
    assert listed[0] == "heylook-demo"


def test_a_request_without_a_model_gets_the_default_one(client: openai.OpenAI, listed: list[str]):
    answer = client.chat.completions.create(model="", messages=said("What is the capital of France?"))
    assert (answer.model, answer.choices[0].message.content) == ("heylook-demo", "Paris")


def test_a_fact_is_streamed_in_pieces(client: openai.OpenAI, model: str):
    with client.chat.completions.create(model=model, messages=said("Count from 3 to 9."), stream=True) as stream:
        pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
    texts = [piece for piece in pieces if piece]
    assert "".join(texts) == "3, 4, 5, 6, 7, 8, 9"
    assert len(texts) > 3


def test_it_knows_what_heylook_is(client: openai.OpenAI, model: str):
    answer = streamed(client, model, messages=said("What is heylook?"))
    assert answer.text == "heylook is a local LLM server built from plugins."


def test_it_recalls_a_name_over_turns_that_it_answered_itself(client: openai.OpenAI, model: str):
    conversation: list[Any] = []
    for question in ("My name is Zorblat.", "What is the capital of Peru?", "What is a token?", "What is my name?"):
        conversation += said(question)
        answer = streamed(client, model, messages=conversation)
        conversation.append({"role": "assistant", "content": answer.text})
    assert conversation[1]["content"] == "Nice to meet you, Zorblat."
    assert conversation[3]["content"] == "Lima"
    assert conversation[-1]["content"] == "Your name is Zorblat."


def test_two_conversations_in_turns_do_not_mix(client: openai.OpenAI, model: str):
    names = ("Bramwick", "Ottokar")
    known: dict[str, list[Any]] = {name: [] for name in names}
    answers = {}
    for question in ("My name is {}.", "What is my name?"):
        for name in names:
            known[name] += said(question.format(name))
            answers[name] = streamed(client, model, messages=known[name]).text
            known[name].append({"role": "assistant", "content": answers[name]})
    assert answers == {name: f"Your name is {name}." for name in names}


def test_a_tool_is_called_with_its_arguments(client: openai.OpenAI, model: str):
    answer = streamed(client, model, messages=said("What is the weather in Paris?"), tools=[WEATHER])
    assert answer == Answered("", calls=(("get_weather", {"city": "Paris"}),))


class Place(BaseModel):
    x: Literal[1, 2]
    y: Literal[3, 4]


class Trip(BaseModel):
    start: Place
    sort: Literal["short", "long"]


def test_what_its_text_alone_would_not_follow_is_parsed_into_a_model(client: openai.OpenAI, model: str):
    """Models inside models, so that the schema has references; the same as the arguments of a call."""
    answer = client.chat.completions.parse(model=model, messages=said("Hello!"), response_format=Trip)
    assert isinstance(answer.choices[0].message.parsed, Trip)
    tool = openai.pydantic_function_tool(Trip)
    called = client.chat.completions.parse(model=model, messages=said("Hello!"), tools=[tool], tool_choice="required")
    calls = called.choices[0].message.tool_calls or []
    assert calls
    assert all(isinstance(call.function.parsed_arguments, Trip) for call in calls)


def test_a_tool_result_becomes_the_answer(client: openai.OpenAI, model: str):
    prompt = proven("tool_result")[0]
    assert whole(client, model, **asked(prompt)) == expected(prompt)


def test_thinking_is_apart_from_the_answer(client: openai.OpenAI, model: str):
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    answer = streamed(client, model, messages=said("What is the capital of Italy?"), extra_body=thinking)
    assert answer == Answered("Rome", reasoning="I need the capital of Italy.")


def test_a_stop_string_ends_the_answer(client: openai.OpenAI, model: str):
    assert streamed(client, model, messages=said("Count from 3 to 9."), stop=["7"]).text == "3, 4, 5, 6, "


def test_streamed_and_whole_answers_are_equal(client: openai.OpenAI, model: str):
    for prompt in (proven(skill)[0] for skill in ("recall", "json", "thinking", "tool_call")):
        assert whole(client, model, **asked(prompt)) == streamed(client, model, **asked(prompt)) == expected(prompt)


def test_eight_at_once_answer_as_they_would_alone(client: openai.OpenAI, model: str):
    prompts = [proven(skill)[1] for skill in ("documentation", "fact", "recall", "system", "json", "count")]
    prompts += [proven("tool_call")[0], proven("thinking")[1]]
    alone = [streamed(client, model, **asked(prompt)) for prompt in prompts]
    assert alone == [expected(prompt) for prompt in prompts]
    assert [told.answer for told in at_once(client, model, prompts)] == alone


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_proven_prompt_is_answered_right_eight_at_a_time(told: Callable[[str], list[Told]], model: str):
    pairs = zip(proven(), told(model), strict=True)
    assert [(prompt, one.answer) for prompt, one in pairs if one.answer != expected(prompt)] == []
