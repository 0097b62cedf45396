"""What the demo model is asked, what its answers have to be, and what the official client makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import openai

from heylook_demo_model.prompts import Prompt


def asked(prompt: Prompt) -> dict[str, Any]:
    """A proven prompt as arguments of the client."""
    fields: dict[str, Any] = {"messages": prompt.messages}
    if prompt.tools:
        fields["tools"] = prompt.tools
    if prompt.thinking:
        fields["extra_body"] = {"chat_template_kwargs": {"enable_thinking": True}}
    return fields


class Answered(NamedTuple):
    """A complete answer in its parts; a call is its name with its arguments."""

    text: str
    reasoning: str = ""
    calls: tuple[tuple[str, Any], ...] = ()


def expected(prompt: Prompt) -> Answered:
    """What the raw text of a proven answer is to its reader."""
    if prompt.answer.startswith("<tool_call>"):
        pieces = (
            prompt.answer.removeprefix("<tool_call>").removesuffix("</tool_call>").split("</tool_call>\n<tool_call>")
        )
        calls = [json.loads(piece) for piece in pieces]
        return Answered("", calls=tuple((call["name"], call["arguments"]) for call in calls))
    if prompt.thinking:
        reasoning, _, text = prompt.answer.removeprefix("<think>\n").partition("\n</think>\n\n")
        return Answered(text, reasoning)
    return Answered(prompt.answer)


def answered(message: Any, finish: str | None) -> Answered:
    calls = tuple((call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ())
    assert finish == ("tool_calls" if calls else "stop")
    return Answered(message.content or "", getattr(message, "reasoning_content", None) or "", calls)


def streamed(client: openai.OpenAI, model: str, **fields: Any) -> Answered:
    """A streamed answer that ended by itself, put together by the official client."""
    return told(client, model, **fields).answer


class Told(NamedTuple):
    """An answer with what engines may differ in although it reads alike: its tokens, and the text of arguments."""

    answer: Answered
    tokens: int
    arguments: tuple[str, ...]


def told(client: openai.OpenAI, model: str, **fields: Any) -> Told:
    with client.chat.completions.stream(model=model, stream_options={"include_usage": True}, **fields) as stream:
        completion = stream.get_final_completion()
    choice = completion.choices[0]
    arguments = tuple(call.function.arguments for call in choice.message.tool_calls or ())
    return Told(answered(choice.message, choice.finish_reason), completion.usage.completion_tokens, arguments)


def whole(client: openai.OpenAI, model: str, **fields: Any) -> Answered:
    choice = client.chat.completions.create(model=model, **fields).choices[0]
    return answered(choice.message, choice.finish_reason)


def at_once(client: openai.OpenAI, model: str, prompts: Sequence[Prompt]) -> list[Told]:
    """Streamed answers, eight requests in flight at a time."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda prompt: told(client, model, **asked(prompt)), prompts))
