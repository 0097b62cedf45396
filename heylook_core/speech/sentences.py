"""Final segments, cut as readers want them: into sentences, and into pieces that fit under a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from heylook_core.spoken import Segment, SpokenToken, Word

ENDINGS = (".", "?", "!", "\u2026", "\u3002", "\uff1f", "\uff01")  # the last three are Chinese and Japanese
PAUSE_SECONDS = 0.8
CUE_SECONDS = 7.0
CUE_CHARACTERS = 84


def sentences(segments: Sequence[Segment]) -> list[Segment]:
    """Segments that end with a sentence or at a pause; their texts make the same transcript.

    Where a segment has no words, there is nothing to cut by: all are given back as they are.
    """
    if not all(segment.words for segment in segments):
        return [segment for segment in segments if segment.text.strip()]
    return list(_pieces(segments, _sentence_groups))


def cues(segments: Sequence[Segment]) -> list[Segment]:
    """Sentences cut further, so that each is at most `CUE_SECONDS` and `CUE_CHARACTERS` long, where there are words."""
    return [
        cue
        for sentence in sentences(segments)
        for cue in (_pieces([sentence], _cue_groups) if sentence.words else [sentence])
    ]


Groups = Iterable[list[Word]]


def _sentence_groups(words: list[Word]) -> Iterator[list[Word]]:
    group: list[Word] = []
    for word in words:
        if group and (group[-1].text.endswith(ENDINGS) or word.start - group[-1].end > PAUSE_SECONDS):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _cue_groups(words: list[Word]) -> Iterator[list[Word]]:
    group: list[Word] = []
    characters = 0
    for word in words:
        longer = characters + 1 + len(word.text)
        if group and (longer > CUE_CHARACTERS or word.end - group[0].start > CUE_SECONDS):
            yield group
            group, longer = [], len(word.text)
        group.append(word)
        characters = longer
    if group:
        yield group


def _pieces(segments: Sequence[Segment], grouped: Callable[[list[Word]], Groups]) -> Iterator[Segment]:
    """One segment for each group of words, with the part of the text and the tokens that belong to it."""
    text = "".join(segment.text for segment in segments)
    tokens = [token for segment in segments for token in segment.tokens]
    groups = list(grouped([word for segment in segments for word in segment.words]))
    language = next((segment.language for segment in segments if segment.language), None)
    at = 0
    for index, group in enumerate(groups):
        last = index + 1 == len(groups)
        end = len(text) if last else _end(text, at, group)
        until = float("inf") if last else groups[index + 1][0].start
        mine = [token for token in tokens if token.start < until]
        tokens = tokens[len(mine) :]
        yield _segment(text[at:end], group, mine, language)
        at = end


def _segment(text: str, words: list[Word], tokens: list[SpokenToken], language: str | None) -> Segment:
    confidence = sum(word.confidence for word in words) / len(words)
    return Segment(text, words[0].start, words[-1].end, tuple(words), tuple(tokens), confidence, language)


def _end(text: str, at: int, words: list[Word]) -> int:
    for word in words:
        found = text.find(word.text, at)
        at = found + len(word.text) if found >= 0 else at
    return at
