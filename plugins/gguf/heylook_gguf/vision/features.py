"""Pictures as embeddings, made once and kept by digest. Engine thread."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import AbstractContextManager
from typing import NamedTuple

from heylook_core.messages import Picture
from heylook_gguf.vision.projector import Encoded, Opened, Projector

KEPT_BYTES = 256 << 20


class Unfinished(NamedTuple):
    """A picture of several parts of which some are encoded."""

    digest: bytes
    opened: Opened
    parts: list[Encoded]


class Encoder:
    """The projector, and a memory of what it has seen within `budget` bytes; the picture seen last always stays."""

    def __init__(self, projector: Projector, turn: AbstractContextManager[None], budget: int = KEPT_BYTES) -> None:
        self._projector = projector
        self._turn = turn
        self._budget = budget
        self._kept: OrderedDict[bytes, list[Encoded]] = OrderedDict()
        self._unfinished: Unfinished | None = None
        self.encoded = 0

    def find(self, picture: Picture) -> list[Encoded] | None:
        """The picture's parts, if they are kept."""
        found = self._kept.get(picture.digest)
        if found is not None:
            self._kept.move_to_end(picture.digest)
        return found

    def advance(self, picture: Picture) -> None:
        """Encode one part of a picture that is not kept."""
        work = self._work_on(picture)
        images = work.opened.images()
        with self._turn:
            work.parts.append(work.opened.encode(images[len(work.parts)]))
        self.encoded += 1
        if len(work.parts) == len(images):
            self._keep(work)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for parts in self._kept.values() for part in parts)

    def clear(self) -> None:
        self._kept.clear()
        self._drop_unfinished()

    def _work_on(self, picture: Picture) -> Unfinished:
        if self._unfinished is None or self._unfinished.digest != picture.digest:
            self._drop_unfinished()
            self._unfinished = Unfinished(picture.digest, Opened(self._projector, picture, pixels=True), [])
        return self._unfinished

    def _keep(self, work: Unfinished) -> None:
        self._drop_unfinished()
        self._kept[work.digest] = work.parts
        while len(self._kept) > 1 and self.nbytes > self._budget:
            self._kept.popitem(last=False)

    def _drop_unfinished(self) -> None:
        if self._unfinished is not None:
            self._unfinished.opened.close()
            self._unfinished = None
