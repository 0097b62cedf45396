"""Makes a prompt that is too long fit: the oldest turns go first, then tokens out of its middle."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache

import msgspec

from heylook_core.messages import ChatRequest, Message, Overflow

Tokens = Callable[[ChatRequest], list[int]]


class Shortened(msgspec.Struct, frozen=True):
    """The request as it runs, its prompt, and what was left out to get there."""

    request: ChatRequest
    tokens: list[int]
    dropped_messages: int = 0
    cut_tokens: int = 0


def shorten(request: ChatRequest, tokens: list[int], most: int, tokens_of: Tokens) -> Shortened:
    """At most `most` prompt tokens, as far as `request.overflow` allows; unchanged if it already fits.

    System messages and the last message are never dropped. What is still too long after that keeps its first
    `overflow.keep` tokens and as many of its last ones as fill half of the room, so that an answer has the rest
    (Ollama's context shift).
    """
    found = Shortened(request, tokens)
    if len(tokens) > most and request.overflow.drop_messages and request.prompt is None:
        found = _with_fewer_messages(found, most, tokens_of)
    pictures = min(found.tokens, default=0) < 0  # half a picture is none
    if len(found.tokens) > most and request.overflow.cut_tokens and not pictures:
        found = _with_fewer_tokens(found, most, request.overflow)
    return found


def _with_fewer_messages(whole: Shortened, most: int, tokens_of: Tokens) -> Shortened:
    """The longest rest that fits, found by halving: every try renders and tokenises. If none fits, the shortest."""

    @cache
    def rest(start: int) -> Shortened:
        return _from(whole.request, start, tokens_of)

    found = whole
    for starts in _starts(whole.request.messages):
        at = bisect_left(starts, True, key=lambda start: len(rest(start).tokens) <= most)
        if at < len(starts):
            return rest(starts[at])
        if starts:
            found = rest(starts[-1])
    return found


def _starts(messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Where a shortened conversation may begin: at a question if possible, else at anything but a tool's result."""
    questions = [at for at, message in enumerate(messages) if at and message.role == "user"]
    others = [at for at, message in enumerate(messages) if (at and message.role != "tool") or at == len(messages) - 1]
    return questions, others


def _from(request: ChatRequest, start: int, tokens_of: Tokens) -> Shortened:
    """The request without what came before message `start`, system messages aside."""
    kept = tuple(message for at, message in enumerate(request.messages) if at >= start or message.role == "system")
    shorter = msgspec.structs.replace(request, messages=kept)
    return Shortened(shorter, tokens_of(shorter), len(request.messages) - len(kept))


def _with_fewer_tokens(found: Shortened, most: int, overflow: Overflow) -> Shortened:
    room = max(most // 2, 1)
    head = min(max(overflow.keep, 0), room - 1)
    tokens = found.tokens[:head] + found.tokens[len(found.tokens) - (room - head) :]
    return msgspec.structs.replace(found, tokens=tokens, cut_tokens=len(found.tokens) - len(tokens))
