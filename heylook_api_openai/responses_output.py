"""The output items of a response as they grow, and the events that tell of it.

A stream and a whole answer are made by the same steps; the whole one leaves the events aside. The order of events
and their required keys are those of OpenAI's streaming reference; the official client's accumulator is strict
about them (openai-python, lib/streaming/responses).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from heylook_api_openai.responses_schema import (
    OpenAIFunctionCall,
    OpenAIIncomplete,
    OpenAIInputDetails,
    OpenAIOutputDetails,
    OpenAIOutputItem,
    OpenAIOutputMessage,
    OpenAIOutputText,
    OpenAIReasoningItem,
    OpenAIReasoningText,
    OpenAIResponse,
    OpenAIResponseUsage,
)
from heylook_api_openai.wire import finish_reason, logprobs_of, new_id
from heylook_core.messages import Event, Finished, Logprobs, Reasoning, Text, ToolArgs, ToolOpen

Told: TypeAlias = tuple[str, dict[str, Any]]


class Output:
    """The items of one response; one of them is open at a time."""

    def __init__(self, response: OpenAIResponse) -> None:
        self.response = response
        self.items: list[OpenAIOutputItem] = []
        self._open: OpenAIOutputItem | None = None

    def begin(self) -> Iterator[Told]:
        yield "response.created", {"response": self.response}
        yield "response.in_progress", {"response": self.response}

    def take(self, events: Sequence[Event]) -> Iterator[Told]:
        """What to tell of these events. Raises Cancelled where the answer was ended from outside."""
        for event in events:
            match event:
                case Reasoning(_, text):
                    yield from self._reason(text)
                case Text(_, text):
                    yield from self._say(text, [])
                case Logprobs():
                    yield from self._say("", logprobs_of([event]).content)
                case ToolOpen(_, _, id_, name):
                    yield from self._call(id_, name)
                case ToolArgs(_, _, text):
                    yield from self._argue(text)
                case Finished():
                    yield from self._finish(event)

    # ------------------------------------------------------------------ items

    def _reason(self, text: str) -> Iterator[Told]:
        if not isinstance(self._open, OpenAIReasoningItem):
            yield from self._close("completed")
            item = OpenAIReasoningItem(id=new_id("rs", "_"), content=[])
            yield from self._add(item)
            item.content.append(OpenAIReasoningText())
            yield self._told("response.content_part.added", content_index=0, part=OpenAIReasoningText())
        if isinstance(self._open, OpenAIReasoningItem):
            self._open.content[0].text += text
            yield self._told("response.reasoning_text.delta", content_index=0, delta=text)

    def _say(self, text: str, logprobs: list[Any]) -> Iterator[Told]:
        if not isinstance(self._open, OpenAIOutputMessage):
            yield from self._close("completed")
            item = OpenAIOutputMessage(id=new_id("msg", "_"), content=[])
            yield from self._add(item)
            item.content.append(OpenAIOutputText(annotations=[], logprobs=[]))
            yield self._told("response.content_part.added", content_index=0, part=OpenAIOutputText())
        if isinstance(self._open, OpenAIOutputMessage):
            part = self._open.content[0]
            part.text += text
            part.logprobs.extend(logprobs)
            yield self._told("response.output_text.delta", content_index=0, delta=text, logprobs=logprobs)

    def _call(self, id_: str, name: str) -> Iterator[Told]:
        yield from self._close("completed")
        yield from self._add(OpenAIFunctionCall(id=new_id("fc", "_"), call_id=id_, name=name))

    def _argue(self, text: str) -> Iterator[Told]:
        if isinstance(self._open, OpenAIFunctionCall):
            self._open.arguments += text
            yield self._told("response.function_call_arguments.delta", delta=text)

    def _add(self, item: OpenAIOutputItem) -> Iterator[Told]:
        self.items.append(item)
        self._open = item
        yield "response.output_item.added", {"output_index": len(self.items) - 1, "item": item}

    def _told(self, kind: str, **fields: Any) -> Told:
        item = self.items[-1]
        return kind, {"item_id": item.id, "output_index": len(self.items) - 1, **fields}

    def _close(self, status: Any) -> Iterator[Told]:
        item, self._open = self._open, None
        if item is None:
            return
        item.status = status
        match item:
            case OpenAIOutputMessage():
                part = item.content[0]
                yield self._told("response.output_text.done", content_index=0, text=part.text, logprobs=part.logprobs)
                yield self._told("response.content_part.done", content_index=0, part=part)
            case OpenAIReasoningItem():
                thought = item.content[0]
                yield self._told("response.reasoning_text.done", content_index=0, text=thought.text)
                yield self._told("response.content_part.done", content_index=0, part=thought)
            case OpenAIFunctionCall():
                yield self._told("response.function_call_arguments.done", name=item.name, arguments=item.arguments)
        yield "response.output_item.done", {"output_index": len(self.items) - 1, "item": item}

    # ------------------------------------------------------------------ the end

    def _finish(self, finished: Finished) -> Iterator[Told]:
        if not self.items:
            yield from self._say("", [])
        cut = finish_reason(finished) == "length"
        yield from self._close("incomplete" if cut else "completed")
        response = self.response
        response.output = list(self.items)
        response.usage = usage_of(finished)
        if cut:
            response.status, response.incomplete_details = "incomplete", OpenAIIncomplete()
            yield "response.incomplete", {"response": response}
        else:
            response.status = "completed"
            yield "response.completed", {"response": response}


def usage_of(finished: Finished) -> OpenAIResponseUsage:
    usage = finished.usage
    return OpenAIResponseUsage(
        input_tokens=usage.prompt,
        input_tokens_details=OpenAIInputDetails(usage.cached),
        output_tokens=usage.completion,
        output_tokens_details=OpenAIOutputDetails(usage.reasoning),
        total_tokens=usage.prompt + usage.completion,
    )
