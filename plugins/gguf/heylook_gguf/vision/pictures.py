"""Where pictures stand in a model's prompts, by its projector. Prepare thread and engine thread."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Picture
from heylook_core.vision import Encode, MediaSpan, Prompt, Vision, at_placeholders
from heylook_gguf.stretch import NO_TOKEN, Stretch
from heylook_gguf.vision.projector import Chunk, Projector

MOST_LAYOUTS = 1024


class Layout(NamedTuple):
    """What stands for a picture of one size: its ids, `NO_TOKEN` where embeddings are, and its parts in order."""

    ids: tuple[int, ...]
    chunks: tuple[Chunk, ...]


class Pictures(Vision):
    """A picture takes positions by its size alone; mtmd is asked once for each size, without pixels.

    `together` is how many embeddings can be computed at once: those that see each other must fit in.
    """

    def __init__(self, projector: Projector, vocabulary: int, together: int) -> None:
        self.placeholder = self.marker = projector.marker
        self._projector = projector
        self._vocabulary = vocabulary
        self._together = together
        self._laid_out = functools.lru_cache(MOST_LAYOUTS)(self._lay_out)

    def place(self, text: str, pictures: Sequence[Picture], encode: Encode) -> Prompt:
        layouts = [self.layout(picture) for picture in pictures]
        return at_placeholders(text, self.placeholder, pictures, [one.ids for one in layouts], encode)

    def layout(self, picture: Picture) -> Layout:
        return self._laid_out(picture.width, picture.height)

    def stretches(self, media: Sequence[MediaSpan]) -> tuple[Stretch, ...]:
        """Where a prompt with these pictures holds embeddings."""
        return tuple(stretch for span in media for stretch in self._stretches_of(span))

    def _stretches_of(self, span: MediaSpan) -> list[Stretch]:
        found: list[Stretch] = []
        at = span.start
        for chunk in self.layout(span.picture).chunks:
            if chunk.is_image:
                whole = not chunk.causal or self._projector.in_plane
                part = len(found)
                found.append(Stretch(at, chunk.tokens, chunk.positions, whole, chunk.causal, part, span.picture))
            at += chunk.tokens
        return found

    def _lay_out(self, width: int, height: int) -> Layout:
        with self._projector.opened(Picture(width, height, 3, b"", b""), pixels=False) as opened:
            chunks = tuple(opened.chunks())
        for chunk in chunks:
            self._check(chunk)
        ids = tuple(id for chunk in chunks for id in (chunk.ids or (NO_TOKEN,) * chunk.tokens))
        return Layout(ids, chunks)

    def _check(self, chunk: Chunk) -> None:
        if not chunk.causal and chunk.tokens > self._together:
            raise InvalidRequest(
                f"An image takes {chunk.tokens} positions that this model reads at once, but n_ubatch and n_batch "
                f"allow {self._together}: send a smaller image, or raise them in models.yaml.",
                param="messages",
            )
        if any(not 0 <= id < self._vocabulary for id in chunk.ids):
            raise InvalidRequest("The model's vocabulary lacks the tokens that its projector puts around images.")
