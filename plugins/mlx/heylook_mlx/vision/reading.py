"""A row whose prompt has pictures that are not in the KV cache yet: read in slices, then handed to the batch."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from heylook_core.engine import SequenceTask
from heylook_core.vision import MediaSpan
from heylook_mlx.rows import Row
from heylook_mlx.shift import Shift
from heylook_mlx.vision.decoder import Decoder
from heylook_mlx.vision.features import Encoder
from heylook_mlx.vision.pictures import Pictures


class Reading:
    """Reads all but the last token of a row's prompt into caches of its own. Engine thread only."""

    def __init__(self, row: Row, caches: list[Any], decoder: Decoder, encoder: Encoder, pictures: Pictures) -> None:
        self.row = row
        self.caches = caches
        self._decoder = decoder
        self._encoder = encoder
        self._positions: mx.array | None = None
        if decoder.shifted:
            self._positions, shift = positions(decoder, pictures, row.task, row.ids)
            caches[-1] = shift

    @property
    def over(self) -> bool:
        """Only the last token is left, which gives the first answer."""
        return self.row.done == len(self.row.ids) - 1

    def unseen(self) -> MediaSpan | None:
        """The next picture that has to be encoded before the row can go on."""
        for span in self.row.task.media:
            if span.stop > self.row.done and not self._encoder.has(span):
                return span
        return None

    def read(self, most: int) -> int:
        """Compute up to `most` tokens, not beyond the next mark; returns how many."""
        row = self.row
        start = row.done
        ends = [mark for mark in row.marks if mark > start]
        end = min([*ends, start + most, len(row.ids) - 1])
        embeddings, extra = self._embeddings(start, end)
        if self._positions is not None:
            extra["position_ids"] = self._positions[..., start:end]
        caches = self.caches[:-1] if self._decoder.shifted else self.caches
        ids = mx.array([row.ids[start:end]])
        self._decoder.language(ids, inputs_embeds=embeddings[None], cache=caches, **extra)
        mx.eval([cache.state for cache in self.caches])
        mx.clear_cache()
        row.advance(end)
        return end - start

    def _embeddings(self, start: int, end: int) -> tuple[mx.array, dict[str, Any]]:
        """The slice as embeddings, with what its pictures add to the first layers."""
        pieces: list[mx.array] = []
        deep: list[tuple[mx.array, ...]] = []
        seen: list[bool] = []
        at = start
        for span in self.row.task.media:
            low, high = max(span.start, start), min(span.stop, end)
            if low >= high:
                continue
            if low > at:
                pieces.append(self._encoder.embeddings(self.row.ids[at:low]))
                seen += [False] * (low - at)
            features = self._encoder.features(span)
            part = slice(low - span.start, high - span.start)
            pieces.append(features.embeddings[part])
            shown = features.seen[part] if features.deep else (False,) * (high - low)
            if features.deep:
                first = sum(features.seen[: part.start])
                deep.append(tuple(layer[first : first + sum(shown)] for layer in features.deep))
            seen += shown
            at = high
        if at < end:
            pieces.append(self._encoder.embeddings(self.row.ids[at:end]))
            seen += [False] * (end - at)
        extra: dict[str, Any] = {}
        if any(seen):
            extra["visual_pos_masks"] = mx.array([seen])
            extra["deepstack_visual_embeds"] = [mx.concatenate(list(layers)) for layers in zip(*deep, strict=True)]
        return mx.concatenate(pieces), extra


def positions(decoder: Decoder, pictures: Pictures, task: SequenceTask, ids: list[int]) -> tuple[mx.array, Shift]:
    """Positions of the whole prompt, and how far the next one is from its length."""
    grids = [mx.array(grid) for span in task.media if (grid := pictures.grid(span.picture)) is not None]
    together = mx.concatenate(grids) if grids else None
    found, delta = decoder.language.get_rope_index(mx.array([ids]), image_grid_thw=together)
    if found.ndim == 2:
        found = mx.broadcast_to(found[None], (3, *found.shape))
    return found, Shift(mx.array(delta).reshape(-1)[:1].astype(mx.int32))
