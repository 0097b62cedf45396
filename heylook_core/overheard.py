"""What is said in a request, for plugins that ask for it: texts, never images or audio."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from heylook_core.analytics import Exchanged
from heylook_core.errors import HeylookError
from heylook_core.messages import AudioPart, ChatRequest, Event, Message, Part, Text, TextPart, ToolArgs, ToolOpen

IMAGE, AUDIO, BINARY = "[IMAGE_REMOVED]", "[AUDIO_REMOVED]", "[DATA_REMOVED]"
_DATA_URL = re.compile(r"data:(\w+)/[\w.+-]+(;[\w=.+-]+)*;base64,[A-Za-z0-9+/=_-]+")
_MARKS = {"image": IMAGE, "audio": AUDIO}


class Overheard:
    """Collects the texts of one request as they come. Event loop only."""

    def __init__(self, asked: ChatRequest | Iterable[str | tuple[int, ...]]) -> None:
        self._request = asked if isinstance(asked, ChatRequest) else None
        self._inputs = () if isinstance(asked, ChatRequest) else tuple(asked)
        self._answers: defaultdict[int, list[str]] = defaultdict(list)

    def hear(self, events: Iterable[Event]) -> None:
        """What the model says; of reasoning nothing is kept, of tool calls the name and the arguments."""
        for event in events:
            if isinstance(event, Text):
                self._answers[event.choice].append(event.text)
            elif isinstance(event, ToolOpen):
                self._answers[event.choice].append(f"\n[call {event.name}] ")
            elif isinstance(event, ToolArgs):
                self._answers[event.choice].append(event.text)

    def exchanged(self, error: HeylookError | None) -> Exchanged:
        """The whole of it."""
        request = self._request
        messages = tuple(_message(message) for message in request.messages) if request is not None else ()
        prompts = self._inputs if request is None else () if request.prompt is None else (request.prompt,)
        return Exchanged(
            messages=messages,
            prompt="\n".join(_prompt(prompt) for prompt in prompts),
            answers=tuple("".join(self._answers[choice]) for choice in sorted(self._answers)),
            error=error.message if error is not None else "",
        )


def _prompt(prompt: str | tuple[int, ...]) -> str:
    return without_data(prompt) if isinstance(prompt, str) else f"[{len(prompt)} token ids]"


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": "".join(_text(part) for part in message.content)}
    if message.tool_calls:
        found["tool_calls"] = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
    return found


def _text(part: Part) -> str:
    if isinstance(part, TextPart):
        return without_data(part.text)
    return AUDIO if isinstance(part, AudioPart) else IMAGE


def without_data(text: str) -> str:
    """The text with a mark in place of every data URL that somebody wrote into it."""
    return _DATA_URL.sub(lambda match: _MARKS.get(match[1], BINARY), text)
