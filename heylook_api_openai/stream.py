"""A streamed chat answer as server-sent events: one write for everything that arrived since the last one.

The order is OpenAI's: a chunk with the role for each choice, deltas, a chunk with the finish reason, the usage
if it was asked for, `[DONE]`. Each key comes once, as the official client's accumulator adds strings up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_api_openai.performance import performance_of
from heylook_api_openai.schema import OpenAIDelta, OpenAIFunctionDelta, OpenAIToolCallDelta
from heylook_api_openai.wire import finish_reason, logprobs_of, usage_of
from heylook_core.messages import ChatRequest, Finished, Logprobs, Progress, Reasoning, Text, ToolArgs, ToolOpen

if TYPE_CHECKING:
    from heylook_core.running import Run

encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"
NULL = b"null"


class ChatChunks:
    """Frames of one answer. What is the same in all of them is encoded once; a token costs one small join."""

    def __init__(
        self, request: ChatRequest, *, id_: str, created: int, include_usage: bool, performance: bool = False
    ) -> None:
        head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,' % (
            encode(id_),
            created,
            encode(request.model),
        )
        usage = b',"usage":null' if include_usage else b""
        self._head = head
        self._starts = [head + b'"choices":[{"index":%d,"delta":' % index for index in range(request.n)]
        self._texts = [start + b'{"content":' for start in self._starts]
        self._end = b"}]" + usage + b"}\n\n"
        self._text_end = b'},"logprobs":null,"finish_reason":null' + self._end
        self._logprobs = request.logprobs
        self._usage = include_usage
        self._performance = performance
        self._finishes: list[Finished] = []

    def opening(self) -> bytes:
        """The role of every choice, in order: the accumulator appends a choice at its first chunk."""
        delta = b'{"role":"assistant","content":"","refusal":null}'
        return b"".join(self._frame(index, delta) for index in range(len(self._starts)))

    def of(self, events: list[Any]) -> bytes:
        """Frames of what arrived. Raises Cancelled where an answer was ended from outside."""
        if self._logprobs:
            return b"".join(self._with_logprobs(events))
        return b"".join([self._text(event) if type(event) is Text else self._other(event) for event in events])

    def closing(self) -> bytes:
        """Usage and figures where they were asked for, and the end."""
        if not (self._usage or self._performance):
            return DONE
        usage = b',"usage":' + encode(usage_of(self._finishes)) if self._usage else b""
        figures = b',"performance":' + encode(performance_of(self._finishes)) if self._performance else b""
        return b'%b"choices":[]%b%b}\n\n%b' % (self._head, usage, figures, DONE)

    def _text(self, event: Text) -> bytes:
        return self._texts[event.choice] + encode(event.text) + self._text_end

    def _with_logprobs(self, events: list[Any]) -> list[bytes]:
        """Text and the tokens that it consists of share a frame."""
        frames: list[bytes] = []
        for (choice, spoken), group in groupby(events, lambda event: (event.choice, type(event) in (Text, Logprobs))):
            if not spoken:
                frames.extend(self._other(event) for event in group)
                continue
            together = list(group)
            text = "".join(event.text for event in together if type(event) is Text)
            tokens = [event for event in together if type(event) is Logprobs]
            logprobs = encode(logprobs_of(tokens)) if tokens else NULL
            frames.append(self._frame(choice, b'{"content":%b}' % encode(text), logprobs))
        return frames

    def _other(self, event: Any) -> bytes:
        if isinstance(event, Finished):
            self._finishes.append(event)
            return self._frame(event.choice, b"{}", finish=encode(finish_reason(event)))
        return self._frame(event.choice, encode(_delta(event)))

    def _frame(self, choice: int, delta: bytes, logprobs: bytes = NULL, finish: bytes = NULL) -> bytes:
        return b'%b%b,"logprobs":%b,"finish_reason":%b%b' % (self._starts[choice], delta, logprobs, finish, self._end)


def _delta(event: Reasoning | ToolOpen | ToolArgs) -> OpenAIDelta:
    if isinstance(event, Reasoning):
        return OpenAIDelta(reasoning_content=event.text)
    if isinstance(event, ToolOpen):
        function = OpenAIFunctionDelta(name=event.name, arguments="")
        return OpenAIDelta(tool_calls=[OpenAIToolCallDelta(event.index, event.id, "function", function)])
    return OpenAIDelta(
        tool_calls=[OpenAIToolCallDelta(event.index, function=OpenAIFunctionDelta(arguments=event.text))]
    )


def keepalive(progress: Progress | None) -> bytes:
    """A comment, which every SSE client skips; with the prompt tokens done and their total where known."""
    return b": keepalive\n\n" if progress is None else b": keepalive %d/%d\n\n" % (progress.done, progress.total)


async def chat_stream(run: Run, chunks: ChatChunks) -> AsyncIterator[bytes]:
    try:
        yield chunks.opening()
        async for events in run:
            yield chunks.of(events) if events else keepalive(run.progress)
        yield chunks.closing()
    finally:
        run.close()
