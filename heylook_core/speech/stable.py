"""What a listener may rely on while an utterance grows: words that two guesses in a row agreed on, for good."""

from __future__ import annotations

from collections.abc import Sequence

from heylook_core.spoken import Word

SETTLED_SECONDS = 1.0  # a word this long before the end of the audio is no longer in the making


class Understood:
    """The text of one utterance over all guesses at it. What is stable is a prefix of every later text."""

    def __init__(self) -> None:
        self.stable = ""
        self._settled: list[Word] = []
        self._last: list[str] = []

    def take(self, text: str, words: Sequence[Word], until: float) -> tuple[str, tuple[Word, ...]]:
        """The next guess, made of the audio before `until`: its text and words as they are to be told."""
        text, words = self._continued(text, words)
        self._settle(text, words, until)
        self._last = [word.text for word in words]
        return text, tuple(words)

    def _continued(self, text: str, words: Sequence[Word]) -> tuple[str, list[Word]]:
        """The guess, with what was settled in front of it even if it now says otherwise."""
        if text.startswith(self.stable):
            return text, list(words)
        after = self._settled[-1].end if self._settled else 0.0
        fresh = [word for word in words if (word.start + word.end) / 2 > after]
        return " ".join([self.stable, *(word.text for word in fresh)]), [*self._settled, *fresh]

    def _settle(self, text: str, words: list[Word], until: float) -> None:
        agreed = 0
        for word, before in zip(words, self._last, strict=False):
            if word.text != before or word.end > until - SETTLED_SECONDS:
                break
            agreed += 1
        if agreed > len(self._settled) and (end := _end_of(words[:agreed], text)) > len(self.stable):
            self._settled, self.stable = words[:agreed], text[:end]


def _end_of(words: list[Word], text: str) -> int:
    """Where these words end in the text; 0 where they are not all in it."""
    at = 0
    for word in words:
        found = text.find(word.text, at)
        if found < 0:
            return 0
        at = found + len(word.text)
    return at
