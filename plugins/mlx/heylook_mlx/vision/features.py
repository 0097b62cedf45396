"""Pictures as the model's own numbers: embeddings, one per position, made once and kept by digest. Engine thread."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import mlx.core as mx

from heylook_core.errors import Unsupported
from heylook_core.vision import MediaSpan
from heylook_mlx.vision.pictures import Pictures

KEPT_BYTES = 256 << 20
KNOWN = {"inputs_embeds", "position_ids", "rope_deltas", "visual_pos_masks", "deepstack_visual_embeds"}
"""What a row can be computed with in slices, and go on from a kept state."""

CAUSAL_AFTER_ALL = {"gemma3": {"attention_mask_4d"}}
"""What mlx-vlm returns and its own generation does not look at."""


class Features(NamedTuple):
    """`embeddings` (positions, width); `deep` are added to the output of the first layers, where `seen` is set."""

    embeddings: mx.array
    deep: tuple[mx.array, ...] = ()
    seen: tuple[bool, ...] = ()

    @property
    def nbytes(self) -> int:
        return int(self.embeddings.nbytes) + sum(int(layer.nbytes) for layer in self.deep)


class Encoder:
    """The picture half of a model, and a memory of what it has seen."""

    def __init__(self, whole: Any, kind: str, pictures: Pictures, budget: int = KEPT_BYTES) -> None:
        self._whole = whole
        self._known = KNOWN | CAUSAL_AFTER_ALL.get(kind, set())
        self._pictures = pictures
        self._budget = budget
        self._kept: OrderedDict[bytes, Features] = OrderedDict()
        self.encoded = 0

    def has(self, span: MediaSpan) -> bool:
        return span.picture.digest in self._kept

    def features(self, span: MediaSpan) -> Features:
        """Encodes a picture that is not kept: as long as it takes, it cannot be sliced."""
        digest = span.picture.digest
        found = self._kept.get(digest)
        if found is None:
            found = self._kept[digest] = self._encode(span)
            self.encoded += 1
            while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > self._budget:
                self._kept.popitem(last=False)
        self._kept.move_to_end(digest)
        return found

    def embeddings(self, ids: list[int]) -> mx.array:
        """Of text: (positions, width)."""
        found: mx.array = self._whole.get_input_embeddings(mx.array([ids]), None).inputs_embeds[0]
        return found

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in self._kept.values())

    def clear(self) -> None:
        self._kept.clear()

    def _encode(self, span: MediaSpan) -> Features:
        inputs = {name: mx.array(value) for name, value in self._pictures.take_inputs(span.picture).items()}
        ids = mx.array([span.ids])
        found = self._whole.get_input_embeddings(ids, inputs.pop("pixel_values"), mask=mx.ones_like(ids), **inputs)
        given = {name: value for name, value in found.to_dict().items() if value is not None}
        if unknown := sorted(set(given) - self._known):
            raise Unsupported(f"Images of this architecture need {unknown[0]}, which cannot be computed in a batch.")
        deep = tuple(given.get("deepstack_visual_embeds", ()))
        seen = tuple(given["visual_pos_masks"].reshape(-1).tolist()) if deep else ()
        features = Features(given["inputs_embeds"][0], deep, seen)
        mx.eval(features.embeddings, *features.deep)
        return features
