"""The messages of a chat in neutral words, with every tool result paired with the call it answers.

What arrives is poor in ids: ollama-python drops them from calls and results, LangChain and Home Assistant send
results without a name, LiteLLM sends ids on results only.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heylook_api_ollama.media import media_part
from heylook_api_ollama.schema import OllamaMessage, OllamaToolCall
from heylook_core.errors import InvalidRequest
from heylook_core.messages import Message, Part, Role, TextPart, ToolCall

ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


class _Open(msgspec.Struct):
    """A call that waits for its result."""

    id: str
    name: str


def conversation(messages: Sequence[OllamaMessage]) -> tuple[Message, ...]:
    """Raises InvalidRequest, naming the part of `messages` at fault."""
    found: list[Message] = []
    waiting: list[_Open] = []
    calls_so_far = 0
    for at, message in enumerate(messages):
        path = f"messages[{at}]"
        role = _role(message, path)
        calls = tuple(_call(call, calls_so_far + n) for n, call in enumerate(message.tool_calls or ()))
        if calls and role != "assistant":
            raise InvalidRequest(f"`{path}` has tool calls, but its role is not assistant.", param=f"{path}.tool_calls")
        calls_so_far += len(calls)
        if calls:
            waiting = [_Open(call.id, call.name) for call in calls]
        answered = _answered(message, waiting) if role == "tool" else None
        found.append(
            Message(
                role=role,
                content=_content(message, path),
                name=answered.name if answered else message.tool_name,
                reasoning=message.thinking or None,
                tool_calls=calls,
                tool_call_id=answered.id if answered else message.tool_call_id,
            )
        )
    return tuple(found)


def _role(message: OllamaMessage, path: str) -> Role:
    role = ROLES.get(message.role.lower())
    if role is None:
        raise InvalidRequest(
            f"`{path}.role` is {message.role[:40]!r}; it must be one of {', '.join(ROLES)}.", param=f"{path}.role"
        )
    return role


def _content(message: OllamaMessage, path: str) -> tuple[Part, ...]:
    text: tuple[Part, ...] = (TextPart(message.content),) if message.content else ()
    return text + tuple(media_part(image, f"{path}.images[{n}]") for n, image in enumerate(message.images or ()))


def _call(call: OllamaToolCall, number: int) -> ToolCall:
    """Without an id it gets one by its number in the conversation: the same the next time, for prefix reuse."""
    arguments = call.function.arguments
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments or {}).decode()
    return ToolCall(call.id or f"call_{number:08d}", call.function.name, arguments or "{}")


def _answered(message: OllamaMessage, waiting: list[_Open]) -> _Open | None:
    """The call that a result answers: by its id, else by name, else the first that waits. It waits no longer."""
    found = next((call for call in waiting if message.tool_call_id and call.id == message.tool_call_id), None)
    if found is None and message.tool_name:
        found = next((call for call in waiting if call.name == message.tool_name), None)
    elif found is None and waiting:
        found = waiting[0]
    if found is not None:
        waiting.remove(found)
    return found
