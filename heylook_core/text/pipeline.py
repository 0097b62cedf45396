"""One choice's way from token ids to events: bytes, UTF-8, stop strings, reasoning, tool calls, text."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Mapping, Sequence

from heylook_core.engine import Codec, Token
from heylook_core.messages import Event, Logprobs, Reasoning, Text, TopToken
from heylook_core.text.markers import Produced, Stage
from heylook_core.text.stops import StopMatcher

_utf8 = codecs.getincrementaldecoder("utf-8")


class TextPipeline:
    """Turns the tokens of one choice into events, in linear time. Engine thread only.

    Incomplete UTF-8 is held until it is complete; what can never become valid is U+FFFD. Log-probabilities
    are emitted when the whole text of their token has been, and only if some of it is visible, so that their tokens
    join to the visible text. `stages` split the text further; `hidden` is the text of special tokens they look for.
    """

    def __init__(
        self,
        choice: int,
        codec: Codec,
        prompt: Sequence[int],
        stops: Sequence[str],
        logprobs: bool,
        stages: Sequence[Stage] = (),
        hidden: Mapping[int, str] | None = None,
    ) -> None:
        self._choice = choice
        self._codec = codec
        self._decoder = codec.decoder(prompt)
        self._utf8 = _utf8("replace")
        self._stops = StopMatcher(stops)
        self._stages = list(stages)
        self._hidden = hidden or {}
        self._visible = Visible() if logprobs else None
        self._decoded = 0
        self.reasoning_tokens = 0
        self.called = False

    @property
    def stopped(self) -> bool:
        """A stop string was met, or the one call that was allowed is complete: the choice is over."""
        return self._stops.stopped or any(stage.stopped for stage in self._stages)

    def push(self, token: Token) -> list[Event]:
        before = self._reasons()
        text = self._text(token.id)
        start = self._decoded
        self._decoded += len(text)
        if self._visible is not None:
            # The first bytes of a character belong to the text that it becomes.
            end = self._decoded + (1 if not text and self._utf8.getstate()[0] else 0)
            self._visible.add(start, end, self._logprobs(token))
        events = self._emit(self._stops.push(text)) if text else self._released()
        if before or self._reasons():
            self.reasoning_tokens += 1
        return events

    def end(self) -> list[Event]:
        """No more tokens: whatever was held back and is not part of a stop string."""
        text = self._stops.push(self._utf8.decode(b"", final=True))
        events = self._emit(text + self._stops.end())
        pieces: list[Produced] = []
        for stage in self._stages:
            pieces = [*_through(stage, pieces), *stage.end()]
        return events + self._events(pieces)

    def _text(self, token: int) -> str:
        data = self._decoder.push(token)
        if not data and token in self._hidden:
            return self._utf8.decode(b"", final=True) + self._hidden[token]
        return self._utf8.decode(data)

    def _reasons(self) -> bool:
        return bool(self._stages) and self._stages[0].reasoning

    def _emit(self, text: str) -> list[Event]:
        pieces: list[Produced] = [("text", text)] if text else []
        for stage in self._stages:
            pieces = _through(stage, pieces)
        return self._events(pieces)

    def _events(self, pieces: list[Produced]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            if not isinstance(piece, tuple):
                self.called = True
                events.append(piece)
                continue
            kind, text = piece
            if kind == "text":
                events.append(Text(self._choice, text))
            elif kind == "reasoning":
                events.append(Reasoning(self._choice, text))
            if self._visible is not None:
                self._visible.told(len(text), kind == "text")
        return events + self._released()

    def _released(self) -> list[Event]:
        return list(self._visible.release()) if self._visible is not None else []

    def _logprobs(self, token: Token) -> Logprobs:
        piece = self._codec.piece
        top = tuple(TopToken(piece(id_), logprob, id_) for id_, logprob in token.top)
        return Logprobs(self._choice, TopToken(piece(token.id), token.logprob, token.id), top)


class Visible:
    """Keeps log-probabilities until it is known whether their token's text is shown."""

    def __init__(self) -> None:
        self._waiting: deque[_Pending] = deque()
        self._told = 0
        self._shown = True

    def add(self, start: int, end: int, event: Logprobs) -> None:
        """A token's text goes from letter `start` to `end` of all decoded text."""
        self._waiting.append(_Pending(start, end, event))

    def told(self, length: int, shown: bool) -> None:
        """The next `length` letters are shown, or are not."""
        self._told += length
        self._shown = shown
        for pending in self._waiting:
            if pending.start >= self._told:
                break
            pending.shown = pending.shown or shown

    def release(self) -> list[Logprobs]:
        """Those whose text has been told and is visible; a token without text goes with the text before it."""
        found = []
        while self._waiting and self._waiting[0].end <= self._told:
            pending = self._waiting.popleft()
            if pending.shown or (pending.start == pending.end and self._shown):
                found.append(pending.event)
        return found


class _Pending:
    __slots__ = ("end", "event", "shown", "start")

    def __init__(self, start: int, end: int, event: Logprobs) -> None:
        self.start = start
        self.end = end
        self.event = event
        self.shown = False


def _through(stage: Stage, pieces: list[Produced]) -> list[Produced]:
    """Pieces after a stage: it reads the text among them."""
    found: list[Produced] = []
    for piece in pieces:
        if isinstance(piece, tuple) and piece[0] == "text":
            found += stage.push(piece[1])
        else:
            found.append(piece)
    return found
