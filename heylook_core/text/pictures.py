"""The pictures of a request, and the marks that stand for them where a chat template knows of none."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from heylook_core.errors import EngineFailed
from heylook_core.messages import ChatRequest, ImagePart, Message, Part, Picture, TextPart


def pictures_of(request: ChatRequest) -> list[Picture]:
    """In the order of the conversation. The server has read every image before a request comes here."""
    parts = [part for message in request.messages for part in message.content if isinstance(part, ImagePart)]
    found = [part.picture for part in parts if part.picture is not None]
    if len(found) != len(parts):
        raise EngineFailed("An image of the request has not been read.")
    return found


def texts_of(request: ChatRequest) -> Iterator[str]:
    """What users, tools and the model itself have written."""
    if isinstance(request.prompt, str):
        yield request.prompt
    for message in request.messages:
        yield message.text
        yield message.reasoning or ""
        yield from (call.arguments for call in message.tool_calls)


def marked(messages: tuple[Message, ...], marker: str) -> tuple[Message, ...]:
    """The same conversation with `marker` as the text of each picture."""
    return tuple(
        msgspec.structs.replace(message, content=tuple(_marked(part, marker) for part in message.content))
        for message in messages
    )


def _marked(part: Part, marker: str) -> Part:
    return TextPart(marker) if isinstance(part, ImagePart) else part
