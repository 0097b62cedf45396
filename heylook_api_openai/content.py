"""The messages of a conversation: OpenAI's roles and content parts in neutral words."""

from __future__ import annotations

import msgspec

from heylook_api_openai.images import image_part
from heylook_api_openai.schema import (
    OpenAIAudioPart,
    OpenAICalledFunction,
    OpenAIFilePart,
    OpenAIMessage,
    OpenAIPart,
    OpenAIRefusalPart,
    OpenAITextPart,
    OpenAIToolCall,
)
from heylook_core.errors import InvalidRequest, MissingField, Unsupported
from heylook_core.messages import AudioPart, Message, Part, Role, TextPart, ToolCall

ROLES: dict[str, Role] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def message_of(message: OpenAIMessage, path: str) -> Message:
    """Raises InvalidRequest or Unsupported, naming the part below `path`."""
    role = ROLES[message.role]
    content = _content(message, role, path)
    return Message(
        role=role,
        content=content,
        name=message.name,
        reasoning=message.reasoning_content or message.reasoning,
        tool_calls=_calls(message, path),
        tool_call_id=message.tool_call_id,
    )


def _content(message: OpenAIMessage, role: Role, path: str) -> tuple[Part, ...]:
    if message.content is None:
        if role != "assistant" and message.role != "function":
            field = f"{path}.content"
            raise MissingField(f"`{field}` is missing; only an assistant may leave it out.", param=field)
        return (TextPart(message.refusal),) if message.refusal else ()
    if isinstance(message.content, str):
        return (TextPart(message.content),)
    return tuple(_part(part, role, f"{path}.content[{at}]") for at, part in enumerate(message.content))


def _part(part: OpenAIPart, role: Role, path: str) -> Part:
    if isinstance(part, OpenAITextPart):
        return TextPart(part.text)
    if isinstance(part, OpenAIRefusalPart):
        return TextPart(part.refusal)
    if isinstance(part, OpenAIFilePart):
        raise Unsupported("Files in messages are not available; send their text instead.", param=path)
    if role not in ("user", "tool"):
        raise InvalidRequest(f"A message of the role {role} may hold only text.", param=path)
    if isinstance(part, OpenAIAudioPart):
        return AudioPart(part.input_audio.data, part.input_audio.format)
    return image_part(part.image_url, path)


def _calls(message: OpenAIMessage, path: str) -> tuple[ToolCall, ...]:
    calls = tuple(_call(call, f"{path}.tool_calls[{at}]") for at, call in enumerate(message.tool_calls or ()))
    if message.function_call is not None:
        calls += (ToolCall("", message.function_call.name, _arguments(message.function_call)),)
    if calls and message.role != "assistant":
        raise InvalidRequest(f"`{path}` has tool calls, but its role is not assistant.", param=f"{path}.tool_calls")
    return calls


def _call(call: OpenAIToolCall, path: str) -> ToolCall:
    if call.function is None:
        raise InvalidRequest(f"`{path}` has no `function`; calls of other types are not available.", param=path)
    return ToolCall(call.id or "", call.function.name, _arguments(call.function))


def _arguments(function: OpenAICalledFunction) -> str:
    if isinstance(function.arguments, dict):
        return msgspec.json.encode(function.arguments).decode()
    return function.arguments or "{}"
