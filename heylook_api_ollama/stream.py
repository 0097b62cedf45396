"""Streamed answers as NDJSON: one compact object a line, `done` in each, counts in the last one only.

What arrived together goes out as one line. While nothing arrives a space is written, which every JSON parser skips
at the start of the next line; an empty line crashes ollama-python.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from heylook_api_ollama.answers import Stopwatch, answered_calls, context_of, done_reason, logprobs_of
from heylook_api_ollama.schema import OllamaAnswer, OllamaChatAnswer, OllamaGenerateAnswer
from heylook_api_ollama.times import now, stamp
from heylook_core.messages import ChatRequest, Finished, Logprobs, Reasoning, Text, ToolArgs, ToolCall, ToolOpen

if TYPE_CHECKING:
    from heylook_core.running import Run

encode = msgspec.json.Encoder().encode

NDJSON = "application/x-ndjson"
KEEPALIVE = b" "
NOT_DONE = b',"done":false}\n'


class Shape(NamedTuple):
    """Where the text of a chunk stands: `before` and `after` it, with further fields of the message in between."""

    before: bytes
    after: bytes


CHAT = Shape(b'"message":{"role":"assistant","content":', b"}")
GENERATE = Shape(b'"response":', b"")


class Lines:
    """Lines of one answer. What is the same in all of them is encoded once."""

    def __init__(self, request: ChatRequest, model: str, shape: Shape, watch: Stopwatch) -> None:
        self._request = request
        self._model = model
        self._shape = shape
        self._text = b'",' + shape.before
        self._end = shape.after + NOT_DONE
        self._watch = watch
        self._head = b'{"model":%b,"created_at":"' % encode(model)
        self._remembers = shape is GENERATE and request.prompt is None
        self._said: list[str] = []
        self._call: ToolCall | None = None
        self._calls = 0

    def of(self, events: list[Any], load_seconds: float) -> bytes:
        """Lines of what arrived. Raises Cancelled where the answer was ended from outside."""
        if len(events) == 1 and type(events[0]) is Text and self._call is None:
            return self._plain(events[0].text)
        lines: list[bytes] = []
        texts: list[str] = []
        tokens: list[Logprobs] = []
        for event in events:
            kind = type(event)
            if kind is Text:
                lines.append(self._complete_call())
                texts.append(event.text)
            elif kind is Logprobs:
                tokens.append(event)
            else:
                lines.append(self._spoken(texts, tokens))
                texts, tokens = [], []
                lines.append(self._other(event, load_seconds))
        lines.append(self._spoken(texts, tokens))
        return b"".join(lines)

    def _spoken(self, texts: list[str], tokens: list[Logprobs]) -> bytes:
        if not texts and not tokens:
            return b""
        text = "".join(texts)
        if not tokens:
            return self._plain(text)
        if self._remembers:
            self._said.append(text)
        return self._line(text, top=b',"logprobs":%b' % encode(logprobs_of(tokens)))

    def _plain(self, text: str) -> bytes:
        """The line of most tokens: one small join."""
        if self._remembers:
            self._said.append(text)
        return b"".join((self._head, stamp(), self._text, encode(text), self._end))

    def _other(self, event: Any, load_seconds: float) -> bytes:
        if isinstance(event, ToolArgs) and self._call is not None:
            self._call = ToolCall(self._call.id, self._call.name, self._call.arguments + event.text)
            return b""
        complete = self._complete_call()
        if isinstance(event, ToolOpen):
            self._call = ToolCall(event.id, event.name, "")
        elif isinstance(event, Reasoning):
            return complete + self._line("", b',"thinking":%b' % encode(event.text))
        elif isinstance(event, Finished):
            return complete + self._last(event, load_seconds)
        return complete

    def _complete_call(self) -> bytes:
        """Ollama sends a call whole, and never its arguments in parts."""
        if self._call is None:
            return b""
        calls, failed = answered_calls([self._call])
        self._call = None
        if not calls:
            return self._line(failed)
        calls[0].function.index = self._calls
        self._calls += 1
        return self._line("", b',"tool_calls":%b' % encode(calls))

    def _line(self, text: str, inner: bytes = b"", top: bytes = b"") -> bytes:
        return b"".join((self._head, stamp(), self._text, encode(text), inner, self._shape.after, top, NOT_DONE))

    def _last(self, finish: Finished, load_seconds: float) -> bytes:
        fields: dict[str, Any] = {
            "model": self._model,
            "created_at": now(),
            "done": True,
            "done_reason": done_reason(finish),
            **self._watch.counts(finish, load_seconds),
        }
        if self._shape is CHAT:
            return encode(OllamaChatAnswer(message=OllamaAnswer(role="assistant", content=""), **fields)) + b"\n"
        context = context_of(self._request, "".join(self._said))
        return encode(OllamaGenerateAnswer(response="", context=context, **fields)) + b"\n"


async def ndjson(run: Run, lines: Lines) -> AsyncIterator[bytes]:
    try:
        async for events in run:
            yield lines.of(events, run.load_seconds) if events else KEEPALIVE
    finally:
        run.close()
