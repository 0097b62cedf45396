"""What a model that sees implements: how pictures get into its prompts.

A prompt is one list of token ids. The positions of a picture hold negative ids that come from the picture's digest, so
that whoever compares prompts (the prefix cache, a tier on disk) tells pictures apart without knowing of them: the same
text with another picture never shares a prefix beyond the picture's first position. An engine takes the model's own
ids for these positions from the spans.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from hashlib import shake_256
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Picture

if TYPE_CHECKING:
    import numpy as np

Encode: TypeAlias = Callable[[str], list[int]]
"""Text to token ids: special tokens are recognised, none are added."""


class MediaSpan(msgspec.Struct, frozen=True):
    """The positions from `start` on that stand for a picture; `ids` are the model's own ids there, one per position."""

    start: int
    ids: tuple[int, ...]
    picture: Picture

    @property
    def stop(self) -> int:
        return self.start + len(self.ids)


class Prompt(msgspec.Struct, frozen=True):
    """Token ids, and which of them stand for pictures, in order."""

    tokens: list[int]
    media: tuple[MediaSpan, ...] = ()


class Vision(ABC):
    """How one model's prompts hold pictures. Its methods are called on the prepare thread only.

    With a `marker`, each picture is this text where the chat template is rendered; without one, the template is given
    parts of the type `image` and writes what the model was trained with. Either way the rendered text must hold
    `placeholder` once for each picture, and users must not write it.
    """

    placeholder: str
    marker: str | None = None

    @abstractmethod
    def place(self, text: str, pictures: Sequence[Picture], encode: Encode) -> Prompt:
        """The prompt of `text`, which has one placeholder for each picture, with the model's own ids throughout.

        Raises InvalidRequest for a picture that this model cannot take (too small, too long).
        """


def at_placeholders(
    text: str, placeholder: str, pictures: Sequence[Picture], ids: Sequence[tuple[int, ...]], encode: Encode
) -> Prompt:
    """The pieces of `text` tokenised apart, with the `ids` of each picture between them."""
    first, *rest = text.split(placeholder)
    tokens = encode(first) if first else []
    spans: list[MediaSpan] = []
    for piece, picture, own in zip(rest, pictures, ids, strict=True):
        spans.append(MediaSpan(len(tokens), own, picture))
        tokens += own
        tokens += encode(piece) if piece else []
    return Prompt(tokens, tuple(spans))


def keyed(prompt: Prompt) -> Prompt:
    """The same prompt with the ids that tell its pictures apart."""
    if not prompt.media:
        return prompt
    tokens = list(prompt.tokens)
    for span in prompt.media:
        tokens[span.start : span.stop] = picture_ids(span.picture.digest, len(span.ids))
    return Prompt(tokens, prompt.media)


def own_ids(tokens: Sequence[int], media: Sequence[MediaSpan]) -> list[int]:
    """The prompt as the model knows it."""
    found = list(tokens)
    for span in media:
        found[span.start : span.stop] = span.ids
    return found


def picture_ids(digest: bytes, count: int) -> list[int]:
    """`count` negative ids of 31 bits each, drawn from the digest; another picture has others."""
    stream = shake_256(digest).digest(4 * count)
    return [
        int.from_bytes(stream[at : at + 4], "little", signed=False) % (1 << 31) - (1 << 31)
        for at in range(0, len(stream), 4)
    ]


def outside_pictures(tokens: np.ndarray[Any, Any], n: int) -> int:
    """The longest beginning of at most `n` tokens that does not end inside a picture.

    Pictures that follow each other without a token between them count as one: their border cannot be told.
    """
    if not 0 < n < len(tokens) or tokens[n - 1] >= 0 or tokens[n] >= 0:
        return n
    text = (tokens[:n] >= 0).nonzero()[0]
    return int(text[-1]) + 1 if len(text) else 0


def check_placeholders(texts: Iterator[str], placeholder: str) -> None:
    """Raise InvalidRequest where a user's text would be taken for a picture."""
    for text in texts:
        if placeholder in text:
            message = f"The text {placeholder!r} stands for an image in the prompts of this model; leave it out."
            raise InvalidRequest(message, param="messages")
