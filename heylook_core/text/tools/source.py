"""Text that arrives bit by bit, read by generators that yield where they need more of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from heylook_core.text.markers import possible_tail

T = TypeVar("T")
Reading: TypeAlias = Generator[None, None, T]
"""A piece of reading: yields while the text is too short, and returns T in the end."""

_QUOTED = re.compile(r'["\\]')
_STRUCTURE = re.compile(r'["{}\[\]]')
_SPACE = re.compile(r"\s*")
_SCALAR = re.compile(r"[^\s,\]}]*")
_WORD = re.compile(r"[^\s<>\"'{}\[\](),=|]*")


class NotACall(Exception):
    """The text is not what a reader expects: it is to be shown as it is."""


class Ended(NotACall):
    """The text ended in the middle."""


class Source:
    """The unread text is `buffer[at:]`. What has been read since the last `mark` can be had back as `spent`.

    `silent` counts the letters that marks have made syntax.
    """

    def __init__(self) -> None:
        self.buffer = ""
        self.at = 0
        self.ended = False
        self.silent = 0
        self._spent: list[str] = []
        self._spent_length = 0

    def feed(self, text: str) -> None:
        self._keep(self.buffer[: self.at])
        self.buffer = self.buffer[self.at :] + text
        self.at = 0

    def mark(self) -> None:
        """What has been read was syntax: count it, and forget it."""
        self.silent += self._spent_length + self.at
        self._spent, self._spent_length = [], 0
        self.buffer, self.at = self.buffer[self.at :], 0

    def spent(self) -> str:
        """What has been read since the last mark, which this is."""
        self._keep(self.buffer[: self.at])
        text = "".join(self._spent)
        self._spent, self._spent_length = [], 0
        self.buffer, self.at = self.buffer[self.at :], 0
        return text

    def rest(self) -> str:
        """Everything unread, read now."""
        text = self.buffer[self.at :]
        self.at = len(self.buffer)
        return text

    # ------------------------------------------------------------------ reading

    def more(self) -> Reading[None]:
        """Wait for more text. Raises `Ended` where none will come."""
        if self.ended:
            raise Ended
        yield

    def peek(self) -> Reading[str]:
        """The next letter, which stays unread."""
        while self.at == len(self.buffer):
            yield from self.more()
        return self.buffer[self.at]

    def space(self) -> Reading[None]:
        """Read whitespace; the end of the text is fine."""
        while True:
            self.at = self._match(_SPACE)
            if self.at < len(self.buffer) or self.ended:
                return
            yield

    def maybe(self, text: str) -> Reading[bool]:
        """Read `text` if it comes next."""
        while True:
            here = self.buffer[self.at : self.at + len(text)]
            if here == text:
                self.at += len(text)
                return True
            if not text.startswith(here) or self.ended:
                return False
            yield

    def literal(self, text: str) -> Reading[None]:
        """Read `text`, which has to come next."""
        found = yield from self.maybe(text)
        if not found:
            raise Ended if self.ended and self.at == len(self.buffer) else NotACall

    def closing(self, text: str) -> Reading[None]:
        """Read whitespace and `text`; neither has to be there: some models end without closing."""
        if text:
            yield from self.space()
            yield from self.maybe(text)

    def word(self) -> Reading[str]:
        """A name: letters up to whitespace, a quote, a bracket, a comma or an equals sign. Never empty."""
        while True:
            end = self._match(_WORD)
            if end < len(self.buffer):
                break
            yield from self.more()
        text, self.at = self.buffer[self.at : end], end
        if not text:
            raise NotACall
        return text

    def until(self, marker: str) -> Reading[str]:
        """Read through `marker`; the text before it."""
        parts: list[str] = []
        yield from self.through(marker, parts.append)
        return "".join(parts)

    def through(self, marker: str, give: Callable[[str], None]) -> Reading[None]:
        """Read through `marker`, giving the text before it as soon as it is certain."""
        while True:
            start = self.buffer.find(marker, self.at)
            if start >= 0:
                self._pass(start, give)
                self.at += len(marker)
                return
            keep = possible_tail(self.buffer[max(self.at, len(self.buffer) - len(marker)) :], (marker,))
            self._pass(len(self.buffer) if self.ended else len(self.buffer) - keep, give)
            yield from self.more()

    def json(self, give: Callable[[str], None]) -> Reading[None]:
        """Read one JSON value, giving its raw text as it comes. Only strings and brackets are looked at."""
        if (yield from self.peek()) not in '{["':
            yield from self._scalar(give)
            return
        depth, quoted = 0, False
        while True:
            found = (_QUOTED if quoted else _STRUCTURE).search(self.buffer, self.at)
            if found is None or (found[0] == "\\" and found.end() == len(self.buffer)):
                end = len(self.buffer) if found is None or self.ended else found.start()
                self._pass(end, give)
                yield from self.more()
                continue
            quoted = quoted != (found[0] == '"')
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
            self._pass(found.end() + (found[0] == "\\"), give)
            if depth == 0 and not quoted:
                return

    def json_text(self) -> Reading[str]:
        """One JSON value, whole, as it is written."""
        parts: list[str] = []
        yield from self.json(parts.append)
        return "".join(parts)

    # ------------------------------------------------------------------ inside

    def _scalar(self, give: Callable[[str], None]) -> Reading[None]:
        while True:
            end = self._match(_SCALAR)
            if end < len(self.buffer) or self.ended:
                break
            yield
        if end == self.at:
            raise NotACall
        self._pass(end, give)

    def _match(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.buffer, self.at)
        return found.end() if found is not None else self.at

    def _pass(self, end: int, give: Callable[[str], None]) -> None:
        if end > self.at:
            give(self.buffer[self.at : end])
            self.at = end

    def _keep(self, text: str) -> None:
        if text:
            self._spent.append(text)
            self._spent_length += len(text)
