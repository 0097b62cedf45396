"""The input items of /v1/responses as neutral messages. Nothing is stored, so all of them come with the request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heylook_api_openai.content import ROLES
from heylook_api_openai.images import image_part
from heylook_api_openai.responses_schema import OpenAIInputItem, OpenAIInputPart, OpenAIResponsesRequest
from heylook_core.errors import InvalidRequest, MissingField, Unsupported
from heylook_core.messages import AudioPart, Message, Part, TextPart, ToolCall

TEXTS = ("input_text", "output_text", "text", "reasoning_text", "summary_text")


def conversation(body: OpenAIResponsesRequest) -> tuple[Message, ...]:
    """Raises InvalidRequest or Unsupported, naming the item."""
    begin = (Message("system", (TextPart(body.instructions),)),) if body.instructions else ()
    if isinstance(body.input, str):
        return (*begin, Message("user", (TextPart(body.input),)))
    if not body.input:
        raise InvalidRequest("`input` is an empty list; send a text or a message.", param="input")
    return (*begin, *messages_of(body.input))


def messages_of(items: Sequence[OpenAIInputItem]) -> list[Message]:
    """An assistant's reasoning, text and calls are items of their own here and one message there."""
    found: list[Message] = []
    thought: str | None = None
    for at, item in enumerate(items):
        path = f"input[{at}]"
        match item.type or "message":
            case "message":
                message = _message(item, path)
                found.append(_with_thought(message, thought))
            case "function_call":
                _add_call(found, _call(item, path), thought)
            case "function_call_output":
                found.append(_output(item, path))
            case "reasoning":
                thought = _reasoning(item)
                continue
            case other:
                raise Unsupported(_unknown(other), param=f"{path}.type")
        thought = None
    return found


def _unknown(kind: str) -> str:
    if kind == "item_reference":
        return "Nothing is stored on this server: send the item itself instead of an `item_reference`."
    return f"Input items of the type {kind[:40]!r} are not available."


def _message(item: OpenAIInputItem, path: str) -> Message:
    if item.role is None:
        raise MissingField(f"The required field `{path}.role` is missing.", param=f"{path}.role")
    if item.content is None:
        raise MissingField(f"The required field `{path}.content` is missing.", param=f"{path}.content")
    return Message(ROLES[item.role], _parts(item.content, f"{path}.content", item.role == "user"))


def _with_thought(message: Message, thought: str | None) -> Message:
    return msgspec.structs.replace(message, reasoning=thought) if message.role == "assistant" else message


def _add_call(found: list[Message], call: ToolCall, thought: str | None) -> None:
    """To the assistant's message just before it, else as a message of its own."""
    if found and found[-1].role == "assistant" and thought is None:
        found[-1] = msgspec.structs.replace(found[-1], tool_calls=(*found[-1].tool_calls, call))
    else:
        found.append(Message("assistant", reasoning=thought, tool_calls=(call,)))


def _call(item: OpenAIInputItem, path: str) -> ToolCall:
    if item.name is None:
        raise MissingField(f"The required field `{path}.name` is missing.", param=f"{path}.name")
    return ToolCall(item.call_id or item.id or "", item.name, item.arguments or "{}")


def _output(item: OpenAIInputItem, path: str) -> Message:
    if item.output is None:
        raise MissingField(f"The required field `{path}.output` is missing.", param=f"{path}.output")
    return Message("tool", _parts(item.output, f"{path}.output", True), tool_call_id=item.call_id)


def _reasoning(item: OpenAIInputItem) -> str | None:
    parts = item.content if isinstance(item.content, list) and item.content else item.summary or []
    return "".join(part.text or "" for part in parts) or None


def _parts(content: str | list[OpenAIInputPart], path: str, media: bool) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple(_part(part, f"{path}[{at}]", media) for at, part in enumerate(content))


def _text(part: OpenAIInputPart, path: str) -> str:
    field, text = ("refusal", part.refusal) if part.type == "refusal" else ("text", part.text)
    if text is None:
        raise MissingField(f"The required field `{path}.{field}` is missing.", param=f"{path}.{field}")
    return text


def _part(part: OpenAIInputPart, path: str, media: bool) -> Part:
    if part.type in TEXTS or part.type == "refusal":
        return TextPart(_text(part, path))
    if part.type == "input_file":
        raise Unsupported("Files in messages are not available; send their text instead.", param=path)
    if part.type not in ("input_image", "input_audio"):
        raise InvalidRequest(f"Content of the type {part.type[:40]!r} is not known.", param=f"{path}.type")
    if not media:
        raise InvalidRequest("Images and audio belong into a message of the user.", param=path)
    if part.type == "input_audio" and part.input_audio is not None:
        return AudioPart(part.input_audio.data, part.input_audio.format)
    if part.type == "input_image" and part.image_url is not None:
        return image_part(part.image_url, path, part.detail)
    raise Unsupported("Files that were uploaded before are not available; send the data itself.", param=path)
