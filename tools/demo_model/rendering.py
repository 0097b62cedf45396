"""Conversations as the server renders them: by heylook's own template code, from the messages of a chat API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heylook_core.messages import Message, TextPart, Tool, ToolCall
from heylook_core.text.template import ChatTemplate
from tools.demo_model.conversation import TEMPLATE


def rendered(
    messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], *, thinks: bool, generation: bool = True
) -> str:
    """`generation` adds the header of the answer."""
    offered = tuple(Tool(**tool["function"]) for tool in tools)
    said = tuple(map(_message, messages))
    variables = {"enable_thinking": thinks}
    return ChatTemplate(TEMPLATE, {}).render(said, offered, generation=generation, variables=variables)


def _message(data: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in data.get("tool_calls", ())
    )
    text = (TextPart(data["content"]),) if data["content"] else ()
    return Message(data["role"], text, tool_calls=calls, tool_call_id=data.get("tool_call_id"))
