"""Pieces of SentencePiece as text and words. No library is needed: U+2581 stands for a space, and that is all."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from heylook_core.speech.tdt.greedy import Choose, Emission
from heylook_core.speech.tdt.network import FRAME, Step
from heylook_core.spoken import SAMPLE_RATE, Segment, SpokenToken, Word

SPACE = "\u2581"
FRAME_SECONDS = FRAME / SAMPLE_RATE

CYRILLIC = frozenset(("be", "bg", "kk", "mk", "ru", "sr", "uk"))
GREEK = frozenset(("el",))


class Pieces:
    """A vocabulary. `delay` frames are taken off every time: how late the network tells a token."""

    def __init__(self, pieces: Sequence[str], delay: int = 0) -> None:
        self._pieces = list(pieces)
        self._delay = delay
        self._folded = [piece.casefold() for piece in self._pieces]

    def __len__(self) -> int:
        return len(self._pieces)

    def starts_word(self, token: int) -> bool:
        return self._pieces[token].startswith(SPACE)

    def same(self, one: int, other: int) -> bool:
        """Whether two tokens are the same text but for capitals: a window begins as a sentence does."""
        return one == other or self._folded[one] == self._folded[other]

    def segment(self, emissions: Sequence[Emission], until: int, language: str | None = None) -> Segment:
        """These tokens as a segment; `until` is the frame at which the next token, or the end of the audio, is."""
        tokens = list(self._tokens(emissions, until))
        words = list(_words(tokens))
        confidence = sum(token.probability for token in tokens) / len(tokens)
        text = "".join(token.text for token in tokens)
        return Segment(text, tokens[0].start, tokens[-1].end, tuple(words), tuple(tokens), confidence, language)

    def _tokens(self, emissions: Sequence[Emission], until: int) -> Iterator[SpokenToken]:
        for at, emission in enumerate(emissions):
            following = emissions[at + 1].frame if at + 1 < len(emissions) else until
            end = min(emission.frame + max(emission.duration, 1), max(following, emission.frame + 1))
            text = self._pieces[emission.token].replace(SPACE, " ")
            yield SpokenToken(
                emission.token, text, self._seconds(emission.frame), self._seconds(end), emission.probability
            )

    def _seconds(self, frame: int) -> float:
        return max(frame - self._delay, 0) * FRAME_SECONDS

    def of_script(self, language: str | None) -> Choose | None:
        """A choice that takes pieces in the script of a language where the network's own first choice is in another."""
        if language is None:
            return None
        wanted = "CYRILLIC" if language in CYRILLIC else "GREEK" if language in GREEK else "LATIN"
        wrong = [_script(piece) not in (None, wanted) for piece in self._pieces]

        def choose(step: Step) -> int:
            if step.token >= len(wrong) or not wrong[step.token]:
                return step.token
            return next((token for token, _ in step.top if token >= len(wrong) or not wrong[token]), step.token)

        return choose


def _words(tokens: Sequence[SpokenToken]) -> Iterator[Word]:
    """A token with a space before it begins a word; punctuation stays with the word before."""
    group: list[SpokenToken] = []
    for token in tokens:
        if group and token.text.startswith(" "):
            yield from _word(group)
            group = []
        group.append(token)
    yield from _word(group)


def _word(tokens: list[SpokenToken]) -> Iterator[Word]:
    text = "".join(token.text for token in tokens).strip()
    if text:
        confidence = sum(token.probability for token in tokens) / len(tokens)
        yield Word(text, tokens[0].start, tokens[-1].end, confidence)


def _script(piece: str) -> str | None:
    """The script of the first letter; None where there is none."""
    letter = next((character for character in piece if character.isalpha()), None)
    return unicodedata.name(letter, "").partition(" ")[0] if letter is not None else None
