"""Whole answers of chat and generate, and the pieces that streams write too."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from heylook_api_ollama.memory import remembered
from heylook_api_ollama.schema import (
    OllamaAnswer,
    OllamaAnsweredCall,
    OllamaAnsweredFunction,
    OllamaChatAnswer,
    OllamaGenerateAnswer,
    OllamaLogprob,
    OllamaTopLogprob,
)
from heylook_api_ollama.times import nanoseconds, now
from heylook_core.errors import Cancelled
from heylook_core.messages import ChatRequest, Finished, Logprobs, ToolCall, TopToken
from heylook_core.running import Choice

DONE_REASONS = {"stop": "stop", "tool_calls": "stop", "length": "length"}
LEAST_LOGPROB = -9999.0


class Stopwatch:
    """Measures one request from its arrival; the model's own times come with its last event."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def counts(self, finish: Finished, load_seconds: float) -> dict[str, Any]:
        """Counts and nanoseconds. `load_duration` is all waiting until the model began, queue included."""
        timings = finish.timings
        return {
            "total_duration": nanoseconds(time.monotonic() - self._started),
            "load_duration": nanoseconds(load_seconds + timings.queue),
            "prompt_eval_count": finish.usage.prompt,
            "prompt_eval_duration": nanoseconds(timings.prefill),
            "eval_count": finish.usage.completion,
            "eval_duration": nanoseconds(timings.decode),
        }


def done_reason(finish: Finished | None) -> str:
    """Ollama has no reason for tool calls. Raises Cancelled for an answer that was ended from outside."""
    if finish is None or finish.reason == "cancelled":
        raise Cancelled("request canceled")
    return DONE_REASONS[finish.reason]


def chat_answer(choice: Choice, model: str, counts: dict[str, Any]) -> OllamaChatAnswer:
    calls, failed = answered_calls(choice.tool_calls)
    return OllamaChatAnswer(
        model=model,
        created_at=now(),
        message=OllamaAnswer(
            role="assistant", content=choice.text + failed, thinking=choice.reasoning, tool_calls=calls
        ),
        done=True,
        done_reason=done_reason(choice.finish),
        logprobs=logprobs_of(choice.logprobs),
        **counts,
    )


def generate_answer(choice: Choice, model: str, counts: dict[str, Any], request: ChatRequest) -> OllamaGenerateAnswer:
    return OllamaGenerateAnswer(
        model=model,
        created_at=now(),
        response=choice.text,
        thinking=choice.reasoning,
        done=True,
        done_reason=done_reason(choice.finish),
        context=context_of(request, choice.text),
        logprobs=logprobs_of(choice.logprobs),
        **counts,
    )


def context_of(request: ChatRequest, answer: str) -> list[int]:
    """None for a raw prompt: there is no conversation."""
    return remembered(request.messages, answer) if request.prompt is None else []


def empty_chat(model: str, reason: str) -> OllamaChatAnswer:
    """The answer to a request that only loads or unloads."""
    message = OllamaAnswer(role="assistant", content="")
    return OllamaChatAnswer(model=model, created_at=now(), message=message, done=True, done_reason=reason)


def empty_generate(model: str, reason: str) -> OllamaGenerateAnswer:
    return OllamaGenerateAnswer(model=model, created_at=now(), response="", done=True, done_reason=reason)


def answered_calls(calls: Sequence[ToolCall]) -> tuple[list[OllamaAnsweredCall], str]:
    """The calls with their arguments as objects; a call whose arguments are none is given back as text."""
    found: list[OllamaAnsweredCall] = []
    failed: list[str] = []
    for call in calls:
        arguments = _object(call.arguments)
        if arguments is None:
            failed.append(f"{call.name}({call.arguments})")
        else:
            found.append(OllamaAnsweredCall(call.id, OllamaAnsweredFunction(len(found), call.name, arguments)))
    return found, "\n".join(failed)


def _object(text: str) -> dict[str, Any] | None:
    """The order of keys is kept."""
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def logprobs_of(tokens: Sequence[Logprobs]) -> list[OllamaLogprob]:
    return [_logprob(token) for token in tokens]


def _logprob(token: Logprobs) -> OllamaLogprob:
    tops = [OllamaTopLogprob(*_parts(other)) for other in token.top]
    return OllamaLogprob(*_parts(token.chosen), tops)


def _parts(token: TopToken) -> tuple[str, float, list[int]]:
    return token.token.decode("utf-8", "replace"), min(0.0, max(token.logprob, LEAST_LOGPROB)), list(token.token)
