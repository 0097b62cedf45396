"""Finding the first of several marker strings in text that arrives bit by bit; and what the stages pass on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from heylook_core.messages import ToolArgs, ToolOpen

Kind: TypeAlias = Literal["text", "reasoning", "silent"]
Piece: TypeAlias = tuple[Kind, str]
"""A stretch of the model's text, and what it is: answer, reasoning, or syntax that nobody is shown."""
Produced: TypeAlias = Piece | ToolOpen | ToolArgs


class Stage(Protocol):
    """A step of the text pipeline. Every letter that goes in comes out once, in order, as part of some piece."""

    @property
    def reasoning(self) -> bool:
        """The next text belongs to the model's reasoning."""
        ...

    @property
    def stopped(self) -> bool:
        """Nothing that follows matters."""
        ...

    def push(self, text: str) -> list[Produced]: ...

    def end(self) -> list[Produced]: ...


def first_marker(text: str, markers: Sequence[str]) -> tuple[int, str] | None:
    """The marker that begins first (of those that begin together the longest), and where."""
    found = [(start, -len(marker), marker) for marker in markers if (start := text.find(marker)) >= 0]
    if not found:
        return None
    start, _, marker = min(found)
    return start, marker


def possible_tail(text: str, markers: Sequence[str]) -> int:
    """Length of the longest tail of `text` that begins some marker without being all of it."""
    longest = max(map(len, markers), default=0)
    for size in range(min(longest - 1, len(text)), 0, -1):
        tail = text[len(text) - size :]
        if any(len(marker) > size and marker.startswith(tail) for marker in markers):
            return size
    return 0


def split_space(text: str) -> tuple[str, str]:
    """`text` without the whitespace at its end, and that whitespace."""
    bare = text.rstrip()
    return bare, text[len(bare) :]
