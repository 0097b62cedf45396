"""Batch processing: how the messages of one request fall into groups that are answered one by one.

The modes and the boundary marker are those of heylookitsanllm, heylook's predecessor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Message, Part, TextPart

Mode: TypeAlias = Literal["sequential", "sequential_with_context", "parallel", "parallel_with_context"]

MODES = ("conversation", "sequential", "sequential_with_context", "parallel", "parallel_with_context")
BOUNDARY = "___CONVERSATION_BOUNDARY___"


class Group(msgspec.Struct, frozen=True):
    """`system` holds for it; `messages` are its own, of the other roles."""

    system: tuple[Message, ...]
    messages: tuple[Message, ...]

    def with_context(self, context: Sequence[Message]) -> tuple[Message, ...]:
        """The conversation to ask the model with."""
        return (*self.system, *context, *self.messages)


def groups_of(messages: Sequence[Message]) -> list[Group]:
    """Conversations between boundaries, or else one group for each message of a user.

    A system message holds until the next one. Raises InvalidRequest where there is nothing to answer.
    """
    if any(map(_bounds, messages)):
        groups = _between_boundaries(messages)
    else:
        groups = _by_user(messages)
    if not groups:
        raise InvalidRequest("There is no group to answer: `messages` has no message of a user.", param="messages")
    return groups


def _between_boundaries(messages: Sequence[Message]) -> list[Group]:
    groups: list[Group] = []
    system: tuple[Message, ...] = ()
    for segment in _segments(messages):
        own = tuple(message for message in segment if message.role == "system")
        rest = tuple(message for message in segment if message.role != "system")
        system = own or system
        if rest:
            groups.append(Group(system, rest))
    return groups


def _segments(messages: Sequence[Message]) -> list[list[Message]]:
    """Split at messages that are a boundary, and inside of those that hold one."""
    found: list[list[Message]] = [[]]
    for message in messages:
        if not _bounds(message):
            found[-1].append(message)
            continue
        first, *further = _pieces(message)
        found[-1] += first
        found += further
    return [segment for segment in found if segment]


def _bounds(message: Message) -> bool:
    return any(isinstance(part, TextPart) and BOUNDARY in part.text for part in message.content)


def _pieces(message: Message) -> list[list[Message]]:
    """What is before, between and behind its boundaries; pictures and sounds stay where they were."""
    found: list[list[Part]] = [[]]
    for part in message.content:
        if not isinstance(part, TextPart):
            found[-1].append(part)
            continue
        first, *further = part.text.split(BOUNDARY)
        found[-1].append(TextPart(first.strip() if further else first))
        found += [[TextPart(text.strip())] for text in further]
    contents = [tuple(part for part in parts if part != TextPart("")) for parts in found]
    return [[msgspec.structs.replace(message, content=content)] if content else [] for content in contents]


def _by_user(messages: Sequence[Message]) -> list[Group]:
    """An assistant's message between two groups belongs to neither; results of tools go with what follows them."""
    groups: list[Group] = []
    system: tuple[Message, ...] = ()
    results: list[Message] = []
    fresh = True
    for message in messages:
        if message.role == "system":
            system = (*(() if fresh else system), message)
            fresh = False
        elif message.role == "tool":
            results.append(message)
        elif message.role == "user":
            groups.append(Group(system, (*results, message)))
            results, fresh = [], True
    return groups


def stated_context(messages: Sequence[Message], groups: Sequence[Group], at: int) -> tuple[Message, ...]:
    """What comes before group `at` in the request itself: all that its predecessors ask, and answers given there."""
    first = groups[at].messages[0]
    own = next((place for place, message in enumerate(messages) if message is first), None)
    if own is None:
        return tuple(message for group in groups[:at] for message in group.messages)
    return tuple(message for message in messages[:own] if message.role != "system")
