"""Words for tokens: what the scripted provider counts, scores and embeds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from threading import Lock

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Logprobs, PromptLogprobs, ScoredToken, Tokens, TopToken, Vectors
from heylook_core.provider import EmbedOptions

# What a vocabulary knows from the start: ids are places in it. Other words are added as they come.
COMMON = (
    *("the", "of", "and", "to", "a", "in", "is", "it", "so", "on", "that", "he", "was", "for", "with", "as", "his"),
    *("they", "be", "at", "one", "have", "this", "from", "or"),
)  # fmt: skip
WIDTH = 64
LIKELY = math.log(0.5)

_WORD = re.compile(r"\s*\S+|\s+$")


def split(text: str) -> list[str]:
    """The words of a text with the space before them: joined they are the text."""
    return _WORD.findall(text)


class Vocabulary:
    """Numbers for words, in the order in which they are met. Thread-safe."""

    def __init__(self) -> None:
        self._words = [COMMON[0], *(f" {word}" for word in COMMON[1:])]
        self._ids = {word: id_ for id_, word in enumerate(self._words)}
        self._lock = Lock()

    def tokens(self, text: str) -> Tokens:
        words = split(text)
        with self._lock:
            for word in words:
                if word not in self._ids:
                    self._ids[word] = len(self._words)
                    self._words.append(word)
            return Tokens(tuple(self._ids[word] for word in words), tuple(word.encode() for word in words))

    def text(self, ids: Sequence[int], param: str) -> str:
        """Raises InvalidRequest, naming `param`, for a number that no word has."""
        for id_ in ids:
            if not 0 <= id_ < len(self._words):
                message = f"Token {id_} is not in the vocabulary of {len(self._words)} words."
                raise InvalidRequest(message, param=param)
        return "".join(self._words[id_] for id_ in ids)


def scored(choice: int, word: str, top: int) -> Logprobs:
    """The word as likely as not, and other words half as likely each as the one before."""
    alternatives = list(islice(_alternatives(word), max(top - 1, 0)))
    return Logprobs(choice, TopToken(word.encode(), LIKELY), (_top(word, 0), *alternatives)[:top])


def _alternatives(word: str) -> Iterator[TopToken]:
    others = (f" {other}" for other in COMMON if other != word.strip())
    return (_top(other, place) for place, other in enumerate(others, 1))


def _top(word: str, place: int) -> TopToken:
    return TopToken(word.encode(), LIKELY * (place + 1))


def prompt_scored(tokens: Tokens, top: int) -> PromptLogprobs:
    """Every word of a prompt, the first without a probability."""
    found = [ScoredToken(piece, id_) for id_, piece in zip(tokens.ids, tokens.pieces, strict=True)]
    for at in range(1, len(found)):
        known = scored(0, found[at].token.decode(), top)
        found[at] = ScoredToken(found[at].token, found[at].id, known.chosen.logprob, known.top)
    return PromptLogprobs(tuple(found))


def vectors(texts: Sequence[str], options: EmbedOptions, longest: int) -> Vectors:
    """Vectors of length 1 out of hashes: equal texts have equal ones. Raises like `check_length` and its neighbour."""
    import numpy as np

    from heylook_core.batching.pooling import check_dimensions, check_length, normalised

    check_dimensions(options.dimensions, WIDTH)
    rows, counts = [], []
    for at, text in enumerate(texts):
        words = split(text)[: longest if options.truncate else None]
        check_length(at, len(words), longest)
        digest = blake2b("".join(words).encode(), digest_size=WIDTH).digest()
        rows.append(normalised(np.frombuffer(digest, dtype=np.uint8).astype(np.float32) + 1, options.dimensions))
        counts.append(len(words))
    data = np.stack(rows).astype("<f4")
    return Vectors(data.tobytes(), len(counts), data.shape[1], tuple(counts))
