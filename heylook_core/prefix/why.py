"""Where a prompt leaves the kept one, in words that its author understands."""

from __future__ import annotations

from collections.abc import Sequence

from heylook_core.engine import Codec
from heylook_core.messages import ChatRequest

# Beyond this the place is given in tokens: spelling out a longer prompt would hold up the running streams.
MOST_TOKENS = 16_384


def first_difference(request: ChatRequest, tokens: Sequence[int], n: int, codec: Codec) -> str:
    """The message and the character (from 0) at which token `n` of the prompt begins."""
    if len(tokens) > MOST_TOKENS:
        return f"first difference at token {n}"
    at = len(_spelled(tokens[:n], codec))
    if request.prompt is not None:
        return f"first difference at character {at} of the prompt"
    return _in_messages(request, _spelled(tokens, codec), at)


def _in_messages(request: ChatRequest, prompt: str, at: int) -> str:
    end = 0
    for number, message in enumerate(request.messages):
        text = message.text.strip()
        start = prompt.find(text, end)
        if not text or start < 0:
            continue
        end = start + len(text)
        if at < end:
            return f"first difference in message {number} ({message.role}) at character {max(at - start, 0)}"
    return "first difference after the last message"


def _spelled(tokens: Sequence[int], codec: Codec) -> str:
    """Positions of pictures have no text."""
    return b"".join(codec.piece(token) for token in tokens if token >= 0).decode("utf-8", "replace")
