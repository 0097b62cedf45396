"""The stage that finds tool calls in the answer. What is no call, though it began like one, is text again."""

from __future__ import annotations

from collections.abc import Sequence

from heylook_core.messages import Tool
from heylook_core.text.markers import Produced, first_marker, possible_tail, split_space
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.format import ToolFormat
from heylook_core.text.tools.source import Ended, NotACall, Reading, Source


class ToolStage:
    """Text to text and calls, in linear time. `single` stops after the first call.

    Whitespace between text and a call is neither; a call that turns out to be none keeps all of its letters.
    """

    reasoning = False

    def __init__(self, choice: int, format: ToolFormat, tools: Sequence[Tool], single: bool = False) -> None:
        self._format = format
        self._calls = Calls(choice, tools)
        self._single = single
        self._source = Source()
        self._reading: Reading[None] | None = None
        self._held = ""
        self._before = ""
        self._at_start = True
        self._after_call = False
        self._ended = False

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        return self._calls.count + self._calls.is_open

    @property
    def stopped(self) -> bool:
        return self._single and self._calls.count > 0

    def push(self, text: str) -> list[Produced]:
        self._advance(text)
        return self._take()

    def end(self) -> list[Produced]:
        """No more text: calls under way end where they are, and what was held back is text."""
        self._ended = self._source.ended = True
        self._advance("")
        self._give("text", self._held)
        self._held = ""
        return self._take()

    def _take(self) -> list[Produced]:
        produced, self._calls.produced = self._calls.produced, []
        return produced

    def _advance(self, text: str) -> None:
        while True:
            if self._reading is None:
                text = self._search(text)
                if self._reading is None:
                    return
            rest = self._read(self._reading, text)
            if rest is None or self.stopped:
                return
            text = rest

    # ------------------------------------------------------------------ between calls

    def _search(self, text: str) -> str:
        """Pass on what is no call; where one may begin, start to read and return the text from there."""
        text, self._held = self._held + text, ""
        if self._after_call:
            bare = text.lstrip()
            self._give("silent", text[: len(text) - len(bare)])
            self._after_call, text = not bare, bare
        start = self._start(text)
        if start is None:
            keep = possible_tail(text, self._format.openers)
            sure, space = split_space(text[: len(text) - keep])
            self._give("text", sure)
            self._at_start = self._at_start and not sure
            self._held = space + text[len(text) - keep :]
            return ""
        before, self._before = split_space(text[:start])
        self._give("text", before)
        self._at_start = False
        self._source = Source()
        self._source.ended = self._ended
        self._reading = self._format.read(self._source, self._calls)
        return text[start:]

    def _start(self, text: str) -> int | None:
        bare = self._format.bare
        if bare and self._at_start and text.lstrip().startswith(bare):
            return len(text) - len(text.lstrip())
        found = first_marker(text, self._format.openers)
        return found[0] if found is not None else None

    # ------------------------------------------------------------------ inside a call

    def _read(self, reading: Reading[None], text: str) -> str | None:
        """Let the reader go on; the text after the call or what was none, or None while it needs more."""
        self._source.feed(text)
        try:
            next(reading)
            return None
        except StopIteration:
            self._source.mark()
            self._after_call = True
            return self._finish("")
        except Ended:
            if self._calls.is_open:
                self._source.rest()
                self._source.mark()
                self._calls.close()
                return self._finish("")
            self._source.rest()
            return self._finish(self._source.spent())
        except NotACall:
            return self._finish(self._source.spent())

    def _finish(self, failed: str) -> str:
        source, self._reading = self._source, None
        if source.silent:
            self._give("silent", self._before + " " * source.silent)
            self._give("text", failed)
        else:
            self._give("text", self._before + failed)
        self._before = ""
        return source.rest()

    def _give(self, kind: str, text: str) -> None:
        if text:
            self._calls.produced.append((kind, text))  # type: ignore[arg-type]
