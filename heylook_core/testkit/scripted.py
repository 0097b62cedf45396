"""The scripted provider: form 1, words for tokens. It does what the last user message says.

`say some words` answers them, `repeat N some words` says them N times, `wait S` keeps silent for S seconds first,
`fail` raises in the middle, `think some words` reasons before it answers; anything else is echoed. A tool that the
message names is called, its arguments filled from the message; so is a schema. After a tool result it tells that.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import time
from collections.abc import Iterator
from threading import Event as ThreadEvent

import msgspec

from heylook_core.errors import Unsupported
from heylook_core.messages import (
    Accepted,
    ChatRequest,
    Event,
    Finished,
    FinishReason,
    Format,
    Reasoning,
    Text,
    Timings,
    Tool,
    ToolArgs,
    ToolOpen,
    Usage,
)
from heylook_core.provider import Capability, ModelInfo, Provider
from heylook_core.testkit.filling import Filling


class ScriptedConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`delay` is the pause before each word, in seconds."""

    delay: float = 0.0


class ScriptedProvider(Provider):
    """Words for tokens. `ignore_eos` goes on with random words, drawn from the request's seed."""

    Config = ScriptedConfig
    concurrency = 8

    def load(self) -> None:
        return None

    def info(self) -> ModelInfo:
        capabilities: tuple[Capability, ...] = ("chat", "tools", "schema", "reasoning")
        return ModelInfo(context=4096, capabilities=capabilities, rows=self.concurrency)

    def chat(self, request: ChatRequest, cancelled: ThreadEvent) -> Iterator[Event]:
        if request.format is not None and request.format.kind in ("regex", "grammar"):
            message = f"The scripted provider does not support constraints of the kind {request.format.kind!r}."
            raise Unsupported(message, param="response_format")
        prompt = sum(len(message.text.split()) for message in request.messages)
        yield Accepted(prompt)
        started = time.monotonic()
        counts = {Reasoning: 0, Text: 0, ToolArgs: 0}
        reason: FinishReason = "stop"
        for event in answer(request):
            if cancelled.wait(self.config.delay):
                return
            if request.max_tokens is not None and sum(counts.values()) >= request.max_tokens:
                reason = "length"
                break
            if isinstance(event, ToolOpen):
                reason = "tool_calls"
            else:
                counts[type(event)] += 1
            yield event
        usage = Usage(prompt=prompt, completion=sum(counts.values()), reasoning=counts[Reasoning])
        yield Finished(0, reason, usage, Timings(decode=time.monotonic() - started))


def answer(request: ChatRequest) -> Iterator[Reasoning | Text | ToolOpen | ToolArgs]:
    """The events of the answer, about a word each."""
    last = request.messages[-1]
    said = last.text
    order, _, rest = said.partition(" ")
    if order == "think":
        said = rest
    if request.thinking.enabled or (order == "think" and request.thinking.enabled is not False):
        for word in _spaced(["I", "think", "about:", *said.split()]):
            yield Reasoning(0, word)
    called = [] if last.role == "tool" else tools(request, said)
    for index, tool in enumerate(called):
        yield ToolOpen(0, index, f"call_{secrets.token_hex(12)}", tool.name)
        for piece in re.findall(r"\S+\s*", json.dumps(Filling(said).value(tool.parameters or {"type": "object"}))):
            yield ToolArgs(0, index, piece)
    if not called:
        for word in _spaced(words(said, request)):
            yield Text(0, word)


def tools(request: ChatRequest, said: str) -> list[Tool]:
    """The tools that the message names, in its order; the first one allowed where a call is required."""
    wanted = request.tool_choice
    if wanted.mode == "none":
        return []
    allowed = [tool for tool in request.tools if not wanted.names or tool.name in wanted.names]
    found = sorted((said.find(tool.name), tool.name) for tool in allowed if tool.name in said)
    called = [tool for _, name in found for tool in allowed if tool.name == name]
    if wanted.mode == "required" and not called:
        called = allowed[:1]
    return called if request.parallel_tool_calls else called[:1]


def words(said: str, request: ChatRequest) -> Iterator[str]:
    """The words of the answer, one by one."""
    order, _, rest = said.partition(" ")
    last = request.messages[-1]
    if last.role == "tool":
        yield from f"The result is {last.text}".split()
    elif request.format is not None:
        yield formatted(request.format, said)
        return
    elif order == "repeat":
        times, _, rest = rest.partition(" ")
        yield from (rest.split() or [""]) * int(times)
    elif order == "fail":
        yield "so"
        raise RuntimeError("told to fail")
    elif order == "wait":
        seconds, _, rest = rest.partition(" ")
        time.sleep(float(seconds))
        yield from rest.split()
    else:
        yield from (rest if order == "say" else said).split()
    if request.ignore_eos:
        chance = random.Random(request.sampling.seed)
        while True:
            yield chance.choice(("and", "so", "on"))


def formatted(format: Format, said: str) -> str:
    """An answer of this format, filled from the message."""
    if format.kind == "choice":
        return next((option for option in format.choices if option in said), format.choices[0])
    schema = format.schema or {"type": "object", "properties": {"text": {"const": said}}}
    return json.dumps(Filling(said).value(schema), ensure_ascii=False)


def _spaced(words: Iterator[str] | list[str]) -> Iterator[str]:
    for count, word in enumerate(words):
        yield word if count == 0 else f" {word}"
