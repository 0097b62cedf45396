"""The scripted provider: form 1, words for tokens. It does what the last user message, or a raw prompt, says.

`say some words` answers them, `repeat N some words` says them N times, `wait S` keeps silent for S seconds first,
`fail` raises in the middle, `think some words` reasons before it answers; anything else is echoed, a single word with
what can be told to it besides. A tool that the message names is called, its arguments filled from the message; so is
a schema. After a tool result it tells that. A gap in a prompt is filled with the words around it. It understands tone
speech (`scripted_speech`).
"""

from __future__ import annotations

import json
import random
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from threading import Event as ThreadEvent
from typing import TYPE_CHECKING

import msgspec

from heylook_core.errors import ContextExceeded, InvalidRequest, Unsupported
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
    Tokens,
    Tool,
    ToolArgs,
    ToolOpen,
    Usage,
    Vectors,
)
from heylook_core.provider import Capability, EmbedOptions, ModelInfo, ModelSpec
from heylook_core.testkit.filling import Filling
from heylook_core.testkit.scripted_speech import SPEECH, ScriptedSpeech
from heylook_core.testkit.words import Vocabulary, prompt_scored, scored, split, vectors

if TYPE_CHECKING:
    from heylook_core.catalog.facts import ModelFacts

CAPABILITIES: tuple[Capability, ...] = (
    *("chat", "completion", "embed", "tools", "schema", "logprobs", "prompt_logprobs", "reasoning", "fill_in_middle"),
    *("transcribe", "translate"),
)  # fmt: skip
HELP = "is what you said: tell me to say, repeat, think, wait or fail, or name a tool, and I do that"
DEFAULT_MAX_TOKENS = 1000


class ScriptedConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`delay` is the pause before each word, in seconds; `context` the most words of prompt and answer."""

    delay: float = 0.0
    context: int = 4096


class ScriptedProvider(ScriptedSpeech):
    """Words for tokens. `ignore_eos` goes on with random words, drawn from the request's seed."""

    Config = ScriptedConfig
    concurrency = 8

    def __init__(self, spec: ModelSpec, config: ScriptedConfig) -> None:
        super().__init__(spec, config)
        self._vocabulary = Vocabulary()

    @classmethod
    def expects(cls, config: ScriptedConfig, facts: ModelFacts) -> tuple[Capability, ...]:
        return CAPABILITIES

    def load(self) -> None:
        return None

    def info(self) -> ModelInfo:
        return ModelInfo(context=self.config.context, capabilities=CAPABILITIES, rows=self.concurrency, speech=SPEECH)

    def embed(self, inputs: Sequence[str | tuple[int, ...]], options: EmbedOptions) -> Vectors:
        return vectors([self._text(one, "input") for one in inputs], options, self.config.context)

    def tokenize(self, text: str) -> Tokens:
        return self._vocabulary.tokens(text)

    def detokenize(self, ids: Sequence[int]) -> str:
        return self._vocabulary.text(ids, "tokens")

    def chat(self, request: ChatRequest, cancelled: ThreadEvent) -> Iterator[Event]:
        said = self._text(request.prompt, "prompt") if request.prompt is not None else request.messages[-1].text
        _check_schemas(request, said)
        prompt = self._prompt_words(request, said)
        limit = self._limit(request, prompt)
        yield Accepted(prompt)
        if request.echo and request.logprobs:
            yield prompt_scored(self.tokenize(said), request.top_logprobs)
        yield from self._answer(request, said, Usage(prompt=prompt), limit, cancelled)

    def _answer(
        self, request: ChatRequest, said: str, usage: Usage, limit: int, cancelled: ThreadEvent
    ) -> Iterator[Event]:
        started = time.monotonic()
        counts = {Reasoning: 0, Text: 0, ToolArgs: 0}
        reason: FinishReason = "stop"
        for event in answer(request, said):
            if cancelled.wait(self.config.delay):
                return
            if sum(counts.values()) >= limit:
                reason = "length"
                break
            if isinstance(event, ToolOpen):
                reason = "tool_calls"
            else:
                counts[type(event)] += 1
            yield event
            if request.logprobs and isinstance(event, Text):
                yield scored(0, event.text, request.top_logprobs)
        spent = msgspec.structs.replace(usage, completion=sum(counts.values()), reasoning=counts[Reasoning])
        yield Finished(0, reason, spent, Timings(decode=time.monotonic() - started))

    def _text(self, given: str | tuple[int, ...], param: str) -> str:
        return given if isinstance(given, str) else self._vocabulary.text(given, param)

    def _prompt_words(self, request: ChatRequest, said: str) -> int:
        """How long the prompt is. Raises InvalidRequest for an empty one."""
        if request.prompt is None:
            return sum(len(message.text.split()) for message in request.messages)
        count = len(split(said)) if isinstance(request.prompt, str) else len(request.prompt)
        if count == 0:
            raise InvalidRequest("The prompt is empty: it has to have at least one word.", param="prompt")
        return count + len(split(request.suffix or ""))

    def _limit(self, request: ChatRequest, prompt: int) -> int:
        """The most words of the answer. Raises ContextExceeded where there is room for none."""
        context: int = self.config.context
        if prompt >= context:
            message = (
                f"This model's maximum context length is {context} tokens. "
                f"However, the prompt has {prompt} tokens, which leaves no room for an answer."
            )
            raise ContextExceeded(message, param="messages" if request.prompt is None else "prompt")
        return min(request.max_tokens or request.default_max_tokens or DEFAULT_MAX_TOKENS, context - prompt)


def _check_schemas(request: ChatRequest, said: str) -> None:
    """What is going to be filled can be: found out before anything is answered."""
    if request.tool_choice.mode == "required":
        for tool in request.tools:
            Filling(said).value(tool.parameters or {})
    if request.format is None:
        return
    if request.format.kind in ("regex", "grammar"):
        message = f"The scripted provider does not support constraints of the kind {request.format.kind!r}."
        raise Unsupported(message, param=request.format.param)
    formatted(request.format, said)


def answer(request: ChatRequest, said: str) -> Iterator[Reasoning | Text | ToolOpen | ToolArgs]:
    """The events of the answer to what was said, about a word each."""
    role = request.messages[-1].role if request.messages else "user"
    order, _, rest = said.partition(" ")
    if order == "think":
        said = rest
    if request.thinking.enabled or (order == "think" and request.thinking.enabled is not False):
        for word in _spaced(["I", "think", "about:", *said.split()][: request.thinking.budget]):
            yield Reasoning(0, word)
    called = [] if role == "tool" else tools(request, said)
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
    if request.messages and request.messages[-1].role == "tool":
        yield from f"The result is {said}".split()
    elif request.continues:
        yield from f"goes on from {said.split()[-1:]}".split()
    elif request.suffix is not None:
        yield from f"between {said.split()[-1:]} and {request.suffix.split()[:1]}".split()
    elif request.format is not None:
        yield formatted(request.format, said)
        return
    else:
        yield from _obeyed(said)
    if request.ignore_eos:
        chance = random.Random(request.sampling.seed)
        while True:
            yield chance.choice(("and", "so", "on"))


def _obeyed(said: str) -> Iterator[str]:
    """What an order asks for, an echo where there is none."""
    order, _, rest = said.partition(" ")
    number, _, others = rest.partition(" ")
    if order == "repeat" and number.isdecimal():
        yield from islice(cycle(others.split() or [""]), len(others.split() or [""]) * int(number))
    elif order == "fail":
        yield "so"
        raise RuntimeError("told to fail")
    elif order == "wait" and re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", number):
        time.sleep(float(number))
        yield from others.split()
    elif order == "say":
        yield from rest.split()
    else:
        spoken = said.split()
        yield from spoken if len(spoken) > 1 else [*spoken, *HELP.split()]


def formatted(format: Format, said: str) -> str:
    """An answer of this format, filled from the message."""
    if format.kind == "choice":
        return next((option for option in format.choices if option in said), format.choices[0])
    schema = format.schema or {"type": "object", "properties": {"text": {"const": said}}}
    return json.dumps(Filling(said).value(schema), ensure_ascii=False)


def _spaced(words: Iterator[str] | list[str]) -> Iterator[str]:
    for count, word in enumerate(words):
        yield word if count == 0 else f" {word}"
