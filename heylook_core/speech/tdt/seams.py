"""Joining what two overlapping windows heard. Words are never torn, and order is never changed."""

from __future__ import annotations

from collections.abc import Sequence

from heylook_core.speech.tdt.greedy import Emission
from heylook_core.speech.tdt.pieces import Pieces

TOLERANCE = 6  # frames by which the same token may be told earlier or later
SURE = 2  # frames for a run of only one token


def joined(
    before: Sequence[Emission], after: Sequence[Emission], start: int, end: int, pieces: Pieces
) -> list[Emission]:
    """Tokens of a window and of the one after it, which begins at frame `start`; the first one ends at `end`.

    Where both heard the same, the run of tokens that they share best is the seam; else it is in the middle.
    """
    run = _best_run(before, after, start, pieces)
    if run is not None:
        left, right, length = run
        return _monotonic([*before[: left + length], *after[right + length :]])
    middle = (start + end) // 2
    return _monotonic([*_words_before(before, middle, pieces), *_words_from(after, middle, pieces)])


def _best_run(
    before: Sequence[Emission], after: Sequence[Emission], start: int, pieces: Pieces
) -> tuple[int, int, int] | None:
    """Where the run begins in both, and its length. Each token counts for more the closer in time both heard it.

    Length alone would shift words that are repeated quickly by one of them.
    """
    best: tuple[int, int, int] | None = None
    most = 0
    for left in range(len(before)):
        if before[left].frame < start - TOLERANCE:
            continue
        for right in range(len(after)):
            length, closeness = _run(before, left, after, right, pieces)
            sure = length > 1 or (length == 1 and abs(before[left].frame - after[right].frame) <= SURE)
            if sure and closeness > most:
                best, most = (left, right, length), closeness
    return best


def _run(
    before: Sequence[Emission], left: int, after: Sequence[Emission], right: int, pieces: Pieces
) -> tuple[int, int]:
    """How many tokens are the same from there on, and how close they are in time altogether."""
    length = closeness = 0
    for one, other in zip(before[left:], after[right:], strict=False):
        apart = abs(one.frame - other.frame)
        if apart > TOLERANCE or not pieces.same(one.token, other.token):
            break
        length += 1
        closeness += TOLERANCE + 1 - apart
    return length, closeness


def _words_before(emissions: Sequence[Emission], frame: int, pieces: Pieces) -> list[Emission]:
    """The words that begin before it, whole."""
    kept: list[Emission] = []
    for emission in emissions:
        if emission.frame >= frame and (pieces.starts_word(emission.token) or not kept):
            break
        kept.append(emission)
    return kept


def _words_from(emissions: Sequence[Emission], frame: int, pieces: Pieces) -> list[Emission]:
    """The words that begin there or later."""
    for at, emission in enumerate(emissions):
        if emission.frame >= frame and pieces.starts_word(emission.token):
            return list(emissions[at:])
    return []


def _monotonic(emissions: list[Emission]) -> list[Emission]:
    """The same, no token before the one that it follows."""
    frame = 0
    found: list[Emission] = []
    for emission in emissions:
        frame = max(frame, emission.frame)
        found.append(emission._replace(frame=frame))
    return found
