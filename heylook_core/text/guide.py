"""The guide of a constrained answer: reasoning as the model likes it, then the grammar, then the end.

Works on token ids, in the engine, one step ahead of the text: an engine samples the next token before the text of
the last one has been looked at. Grammars are llguidance's (llguidance, docs/syntax.md).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from heylook_core.engine import Guide
from heylook_core.text.closing import JsonEnding
from heylook_core.text.masks import Mask, Masks, packed

log = logging.getLogger(__name__)

Phase: TypeAlias = Literal["start", "free", "grammar", "open", "over"]


class Free(msgspec.Struct, frozen=True):
    """The stretch before the grammar begins.

    `inside`: the answer begins in reasoning; otherwise the model may open it with the tokens `open` (never, if
    empty). It ends with the bytes `close`. After `budget` tokens (None: no limit) the tokens `close_tokens` are
    forced. `piece` gives the bytes of a token, those of hidden special tokens included.
    """

    inside: bool
    open: tuple[int, ...]
    close: bytes
    close_tokens: tuple[int, ...]
    piece: Callable[[int], bytes]
    budget: int | None = None


class Closed(msgspec.Struct, frozen=True):
    """A JSON document of at most `limit` tokens is closed before they run out, reasoning before it included.

    `piece` gives the bytes of a token, `encode` the tokens of a text.
    """

    limit: int
    piece: Callable[[int], bytes]
    encode: Callable[[str], list[int]]


# A document is looked at when so many tokens are left, and closed when `SPARE` more are left than closing it takes: a
# comma makes that longer by `"":null`, and a character that has begun has to end first, a byte a token at worst.
CLOSING = 64
SPARE = 12


class GrammarGuide(Guide):
    """One sequence's guide. Engine thread only, once made. Never raises: a fault is kept in `error` and ends it.

    `matcher` is a fresh `llguidance.LLMatcher`, or None where only the free stretch is bounded; `size` the number of
    tokens that a mask has room for.
    """

    def __init__(
        self, matcher: Any, size: int, eos: Iterable[int], free: Free | None = None, closed: Closed | None = None
    ) -> None:
        self.error: str | None = None
        self._matcher = matcher
        self._eos = frozenset(eos)
        self._masks = Masks(size, self._eos)
        self._free = free
        self._closed = closed
        self._left = closed.limit if closed is not None else 0
        self._document: list[int] = []
        self._ending = JsonEnding()
        self._cut = False
        self._forced: deque[int] = deque()
        self._tail = b""
        self._count = 0
        self._after: Phase = "open" if matcher is None else "grammar"
        self._phase: Phase = self._after
        if free is not None and (free.inside or free.open):
            self._phase = "free" if free.inside else "start"
            self._spend(0)
        self._close_in_time()

    @property
    def cut(self) -> bool:
        return self._cut

    @property
    def complete(self) -> bool:
        """The grammar is satisfied and allows nothing more: what was generated is a whole document."""
        try:
            return self.error is None and self._phase == "over" and bool(self._matcher.is_accepting())
        except Exception:
            return False

    def mask(self) -> Mask | None:
        try:
            return self._mask()
        except Exception as error:
            self._fail(error)
            return self._masks.ends

    def accepts(self, token: int) -> bool:
        try:
            return self._accepts(token)
        except Exception as error:
            self._fail(error)
            return token in self._eos

    def advance(self, token: int) -> None:
        try:
            self._advance(token)
        except Exception as error:
            self._fail(error)

    def take(self, token: int) -> bool:
        try:
            return self._take(token)
        except Exception as error:
            self._fail(error)
            return token in self._eos

    # ------------------------------------------------------------------ what may come

    def _mask(self) -> Mask | None:
        if self._forced:
            return packed([self._forced[0]], self._masks.size)
        if self._matcher is None and self._phase in ("start", "open"):
            return None
        if self._phase == "over":
            return self._masks.ends
        if self._phase == "free":
            return self._masks.all_but_ends
        allowed = self._masks.of(self._matcher.compute_bitmask(), self._matcher.is_accepting())
        if self._phase == "start" and self._free is not None:
            allowed = allowed | packed(self._free.open[:1], self._masks.size)
        return allowed

    def _accepts(self, token: int) -> bool:
        if self._forced:
            return token == self._forced[0]
        if self._matcher is None and self._phase in ("start", "open"):
            return True
        if self._phase in ("over", "free"):
            return (token in self._eos) == (self._phase == "over")
        if self._phase == "start" and self._free is not None and token == self._free.open[0]:
            return True
        if token in self._eos:
            return bool(self._matcher.is_accepting())
        return int(self._matcher.validate_tokens([token])) == 1

    # ------------------------------------------------------------------ what came

    def _take(self, token: int) -> bool:
        """Inside of the grammar that is one look at it, where `accepts` and `advance` are two."""
        if self._phase != "grammar" or self._forced or token in self._eos:
            return super().take(token)
        if not self._matcher.try_consume_tokens([token]):
            return False
        self._left -= 1
        self._consumed(token)
        self._close_in_time()
        return True

    def _advance(self, token: int) -> None:
        if self._phase == "over":
            return
        self._left -= 1
        if self._phase == "start":
            self._start(token)
        elif self._phase == "free":
            self._spend(1, token)
        else:
            self._consume(token)
        self._close_in_time()

    def _start(self, token: int) -> None:
        free = self._free
        if free is None or token != free.open[0] or self._is_answer(token):
            self._phase = self._after
            self._consume(token)
            return
        self._phase = "free"
        self._forced.extend(free.open[1:])
        self._count = -len(self._forced)  # the budget begins after the marker

    def _is_answer(self, token: int) -> bool:
        return self._matcher is not None and self._matcher.validate_tokens([token]) == 1

    def _spend(self, count: int, token: int | None = None) -> None:
        """A token of the free stretch: look for its end, and force it when the budget is spent."""
        free = self._free
        if free is None:
            return
        if self._forced:
            self._forced.popleft()
        if token is not None:
            self._tail = (self._tail + free.piece(token))[-max(64, 2 * len(free.close)) :]
        if free.close in self._tail:
            self._phase = self._after
            self._forced.clear()
            return
        self._count += count
        if free.budget is not None and self._count >= free.budget and not self._forced:
            if self._count > free.budget + 2 * len(free.close_tokens):
                self._phase = self._after
                return
            self._forced.extend(free.close_tokens)

    def _consume(self, token: int) -> None:
        if token in self._eos:
            self._phase = "over"
            return
        if self._matcher is None:
            return
        if not self._matcher.consume_token(token):
            raise ValueError(self._matcher.get_error() or f"token {token} does not fit the grammar")
        if self._forced:
            self._forced.popleft()
        self._consumed(token)

    def _consumed(self, token: int) -> None:
        if self._closed is not None:
            self._document.append(token)
        if self._matcher.is_stopped():
            self._phase = "over"
            if self._matcher.is_error():
                raise ValueError(self._matcher.get_error())

    def _close_in_time(self) -> None:
        """Force the end of a document that the tokens left have just room for."""
        closed = self._closed
        if closed is None or self._cut or self._left > CLOSING or self._phase != "grammar":
            return
        self._ending.push(b"".join(map(closed.piece, self._document)))
        self._document.clear()
        text = self._ending.text()
        if not text or self._left > len(text.encode()) + SPARE:
            return
        tokens = closed.encode(text)
        fits = len(tokens) <= self._left <= len(tokens) + SPARE
        if fits and self._matcher.validate_tokens(tokens) == len(tokens):
            self._cut = True
            self._forced.extend(tokens)

    def _fail(self, error: Exception) -> None:
        if self.error is None:
            log.error("a constrained answer ends early: %s", error)
            self.error = f"The constraint on the answer failed ({type(error).__name__}: {error})."
        self._phase = "over"
        self._forced.clear()
