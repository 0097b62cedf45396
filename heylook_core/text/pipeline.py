"""One choice's way from token ids to events: bytes, UTF-8, stop strings, text."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Sequence

from heylook_core.messages import Event, Logprobs, Text, TopToken
from heylook_core.provider import Codec, Token
from heylook_core.text.stops import StopMatcher

_utf8 = codecs.getincrementaldecoder("utf-8")


class TextPipeline:
    """Turns the tokens of one choice into events, in linear time. Engine thread only.

    Incomplete UTF-8 is held until it is complete; what can never become valid is U+FFFD. Log-probabilities
    are emitted when the whole text of their token has been, so that their tokens join to the visible text.
    """

    def __init__(self, choice: int, codec: Codec, prompt: Sequence[int], stops: Sequence[str], logprobs: bool) -> None:
        self._choice = choice
        self._codec = codec
        self._decoder = codec.decoder(prompt)
        self._utf8 = _utf8("replace")
        self._stops = StopMatcher(stops)
        self._decoded = 0
        self._emitted = 0
        self._pending: deque[tuple[int, Logprobs]] | None = deque() if logprobs else None

    @property
    def stopped(self) -> bool:
        """A stop string was met: the choice is over."""
        return self._stops.stopped

    def push(self, token: Token) -> list[Event]:
        text = self._utf8.decode(self._decoder.push(token.id))
        self._decoded += len(text)
        if self._pending is not None:
            self._pending.append((self._decoded, self._logprobs(token)))
        return self._emit(self._stops.push(text)) if text else []

    def end(self) -> list[Event]:
        """No more tokens: whatever was held back and is not part of a stop string."""
        text = self._stops.push(self._utf8.decode(b"", final=True))
        return self._emit(text + self._stops.end())

    def _emit(self, text: str) -> list[Event]:
        self._emitted += len(text)
        events: list[Event] = [Text(self._choice, text)] if text else []
        while self._pending and self._pending[0][0] <= self._emitted:
            events.append(self._pending.popleft()[1])
        return events

    def _logprobs(self, token: Token) -> Logprobs:
        piece = self._codec.piece
        top = tuple(TopToken(piece(id_), logprob, id_) for id_, logprob in token.top)
        return Logprobs(self._choice, TopToken(piece(token.id), token.logprob, token.id), top)
