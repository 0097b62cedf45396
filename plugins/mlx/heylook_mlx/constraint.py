"""A guide at work: the logits processor that lets a sequence choose only tokens its guide allows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, TypeAlias

import mlx.core as mx
import numpy as np

from heylook_core.engine import Guide
from heylook_core.text.masks import MadeOfMasks, Mask

log = logging.getLogger(__name__)

_start: Any = mx.async_eval
Allowed: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


class GuidedLogits:
    """Masks logits by `guide`. mlx-lm calls it with the tokens so far and the logits of the next one.

    It is called one step ahead: before token n has been reported, it masks token n + 1. It never raises, because
    an exception out of a processor would leave the other rows of the batch one token ahead of their KV cache;
    `error` says what went wrong, and the sequence is made to end.
    """

    def __init__(self, guide: Guide, vocabulary: int, eos: Iterable[int]) -> None:
        self.error: str | None = None
        self._guide = guide
        self._vocabulary = vocabulary
        self._eos = [token for token in eos if 0 <= token < vocabulary]
        self._begun = False
        self._beside = mx.default_device() != mx.Device(mx.cpu)
        self._allowed_by = MadeOfMasks(self._unpacked)

    def __call__(self, tokens: Any, logits: Any) -> Any:
        if self._beside:
            _start(logits)  # the device computes while the guide does; on the CPU a second start costs more than that
        try:
            allowed = self._allowed(tokens)
        except Exception as error:
            log.exception("the guide of a sequence failed")
            self.error = f"The constraint on the answer failed ({type(error).__name__}: {error})."
            allowed = self._end_only()
        return logits if allowed is None else mx.where(allowed, logits, -mx.inf)

    def _allowed(self, tokens: Any) -> Any:
        """A mask of one row (1, vocabulary), None where every token is allowed."""
        if self.error is not None:
            return self._end_only()
        if self._begun:
            self._guide.advance(int(tokens[-1].item()))
        self._begun = True
        packed = self._guide.mask()
        return None if packed is None else self._allowed_by.of(packed)

    def _unpacked(self, packed: Mask) -> Any:
        bits = np.unpackbits(np.asarray(packed).view(np.uint8).reshape(-1), bitorder="little")[: self._vocabulary]
        allowed: Allowed = np.pad(bits, (0, self._vocabulary - bits.size)).astype(np.bool_)
        return mx.array(allowed)[None] if allowed.any() else self._end_only()

    def _end_only(self) -> Any:
        if not self._eos:
            return None
        allowed: Allowed = np.zeros(self._vocabulary, dtype=np.bool_)
        allowed[self._eos] = True
        return mx.array(allowed)[None]
