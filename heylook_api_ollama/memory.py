"""`context` of /api/generate: the conversation so far as numbers that a client hands back unread.

Ollama's numbers are token ids. Ours spell the messages, three bytes to a number, so that the next request is
rendered by the model's own template, on every backend, and nothing has to be kept on the server.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Message, Role, TextPart

# No vocabulary is that large: tells our numbers from token ids.
MARK = 0x68_79_6C + (1 << 24)
WIDTH = 3

_decoder = msgspec.json.Decoder(list[tuple[Role, str]])


def remembered(messages: Sequence[Message], answer: str) -> list[int]:
    """The messages and the answer to them as numbers; images are left out."""
    said = [(message.role, message.text) for message in messages] + [("assistant", answer)]
    data = msgspec.json.encode(said)
    data += b" " * (-len(data) % WIDTH)
    return [MARK, *(int.from_bytes(data[at : at + WIDTH]) for at in range(0, len(data), WIDTH))]


def recalled(numbers: Sequence[int] | None) -> tuple[Message, ...]:
    """The messages again. Raises InvalidRequest for numbers that do not come from this server."""
    if not numbers:
        return ()
    try:
        if numbers[0] != MARK:
            raise ValueError("not ours")
        data = b"".join(number.to_bytes(WIDTH) for number in numbers[1:])
        return tuple(Message(role, (TextPart(text),)) for role, text in _decoder.decode(data))
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise InvalidRequest(
            "`context` was not made by this server; leave it out, or send the conversation to /api/chat.",
            param="context",
        ) from error
