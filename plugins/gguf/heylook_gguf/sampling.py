"""Choosing the next token from a row of logits."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from heylook_core.engine import Guide
from heylook_core.messages import SamplerSettings
from heylook_core.text.masks import MadeOfMasks, Mask
from heylook_gguf.library import Library

# With top_k off, top_p, typical_p and XTC would sort the whole vocabulary for every token (9 ms at 152k tokens).
MOST_CANDIDATES = 1000


class NoToken(Exception):
    """Nothing can be chosen; the text says why."""


class Candidates:
    """The array that llama.cpp's samplers work on, for a vocabulary; shared by the rows of an engine."""

    def __init__(self, library: Library, vocabulary: int) -> None:
        self.c = library.c
        self.vocabulary = vocabulary
        self.ids = np.arange(vocabulary, dtype=np.int32)
        self._data = np.zeros(vocabulary, np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)]))
        self._pointer = ctypes.cast(self._data.ctypes.data, self.c.llama_token_data_p)

    def choose(self, chain: Any, row: np.ndarray[Any, Any]) -> int:
        """What a sampler chain selects from `row` (float32, vocabulary); the row is not changed."""
        self._data["id"] = self.ids
        self._data["logit"] = row
        array = self.c.llama_token_data_array(self._pointer, self.vocabulary, -1, False)
        self.c.llama_sampler_apply(chain, ctypes.byref(array))
        if not 0 <= array.selected < array.size:
            raise NoToken("the sampler selected no token")
        # Samplers may move the beginning of the array, so the index counts from where it points now.
        return int(array.data[array.selected].id)


class Sampler:
    """Chooses the tokens of one sequence. Plain greedy is numpy's argmax, everything else llama.cpp's own samplers.

    Penalties look at the last `repetition_window` tokens, prompt included. `close` frees the C objects.
    """

    def __init__(self, candidates: Candidates, settings: SamplerSettings, prompt: Sequence[int]) -> None:
        self._candidates = candidates
        self._refused = MadeOfMasks(lambda mask: _refused(mask, candidates.vocabulary))
        self._chain = None if _plain(settings) else _chain(candidates, settings)
        if self._chain is not None and _penalises(settings):
            for token in prompt[-_window(settings, len(prompt)) :]:
                candidates.c.llama_sampler_accept(self._chain, token)

    def choose(self, row: np.ndarray[Any, Any], guide: Guide | None) -> int:
        """The next token, which the guide takes. `row` is changed where a guide has to mask it. Raises `NoToken`.

        With a guide, a token is drawn without it first; only if the guide refuses that one, another is drawn from
        what the guide allows. That gives the same distribution as masking always, and masks seldom.
        """
        token = self._draw(row)
        if guide is not None and not guide.take(token):
            mask = guide.mask()
            if mask is not None:
                np.copyto(row, -np.inf, where=self._refused.of(mask))
            token = self._draw(row)
            if np.isfinite(row[token]):
                guide.advance(token)
        if not np.isfinite(row[token]):
            raise NoToken("the model computed no finite value for any token that is allowed")
        if self._chain is not None:
            self._candidates.c.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        if self._chain is not None:
            self._candidates.c.llama_sampler_free(self._chain)
            self._chain = None

    def _draw(self, row: np.ndarray[Any, Any]) -> int:
        if self._chain is None:
            return int(row.argmax())
        return self._candidates.choose(self._chain, row)


def logprobs(row: np.ndarray[Any, Any], token: int, top: int) -> tuple[float, tuple[tuple[int, float], ...]]:
    """The natural-log probability of `token`, and the `top` likeliest tokens with theirs, best first.

    From the softmax of the raw logits: temperature, penalties and masks do not enter.
    """
    peak = float(row.max())
    total = peak + float(np.log(np.exp(row - peak, dtype=np.float32).sum(dtype=np.float64)))
    if top <= 0:
        return float(row[token]) - total, ()
    top = min(top, len(row))
    best = np.argpartition(row, -top)[-top:]
    best = best[np.lexsort((best, -row[best]))]
    return float(row[token]) - total, tuple((int(id), float(row[id]) - total) for id in best)


def _refused(mask: Mask, vocabulary: int) -> np.ndarray[Any, Any]:
    """Where a mask has no bit, nor reaches."""
    refused: np.ndarray[Any, Any] = np.unpackbits(mask, count=vocabulary, bitorder="little") == 0
    return refused


def _plain(settings: SamplerSettings) -> bool:
    return settings.temperature <= 0 and not settings.logit_bias and not _penalises(settings)


def _penalises(settings: SamplerSettings) -> bool:
    wanted = settings.repetition_penalty != 1 or settings.presence_penalty or settings.frequency_penalty
    return bool(wanted) and settings.repetition_window != 0


def _window(settings: SamplerSettings, whole: int) -> int:
    return settings.repetition_window if settings.repetition_window > 0 else max(whole, 1)


def _chain(candidates: Candidates, settings: SamplerSettings) -> Any:
    """llama.cpp's order: bias, penalties, top-k, typical, top-p, min-p, XTC, temperature, draw."""
    c = candidates.c
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    for sampler in _samplers(candidates, settings):
        c.llama_sampler_chain_add(chain, sampler)
    return chain


def _samplers(candidates: Candidates, settings: SamplerSettings) -> list[Any]:
    c, chosen = candidates.c, []
    if settings.logit_bias:
        pairs = [(id, bias) for id, bias in settings.logit_bias.items() if 0 <= id < candidates.vocabulary]
        biases = (c.llama_logit_bias * len(pairs))(*(c.llama_logit_bias(id, bias) for id, bias in pairs))
        chosen.append(c.llama_sampler_init_logit_bias(candidates.vocabulary, len(pairs), biases))
    if _penalises(settings):
        chosen.append(
            c.llama_sampler_init_penalties(
                candidates.vocabulary,
                _window(settings, 1 << 17),
                settings.repetition_penalty,
                settings.frequency_penalty,
                settings.presence_penalty,
            )
        )
    if settings.temperature <= 0:
        return [*chosen, c.llama_sampler_init_greedy()]
    return chosen + _narrowing(c, settings) + _drawing(c, settings)


def _narrowing(c: Any, settings: SamplerSettings) -> list[Any]:
    chosen = []
    sorts = settings.top_p < 1 or settings.typical_p < 1 or settings.xtc_probability > 0
    if settings.top_k > 0 or sorts:
        chosen.append(c.llama_sampler_init_top_k(settings.top_k if settings.top_k > 0 else MOST_CANDIDATES))
    if settings.typical_p < 1:
        chosen.append(c.llama_sampler_init_typical(settings.typical_p, 1))
    if settings.top_p < 1:
        chosen.append(c.llama_sampler_init_top_p(settings.top_p, 1))
    if settings.min_p > 0:
        chosen.append(c.llama_sampler_init_min_p(settings.min_p, 1))
    return chosen


def _drawing(c: Any, settings: SamplerSettings) -> list[Any]:
    seed = _seed(settings.seed)
    chosen = []
    if settings.xtc_probability > 0:
        chosen.append(c.llama_sampler_init_xtc(settings.xtc_probability, settings.xtc_threshold, 1, seed))
    return [*chosen, c.llama_sampler_init_temp(settings.temperature), c.llama_sampler_init_dist(seed)]


def _seed(wanted: int | None) -> int:
    """32 bits, never all ones: that is llama.cpp's sign for a seed of its own choice."""
    seed = secrets.randbits(32) if wanted is None else wanted & 0xFFFFFFFF
    return seed if seed != 0xFFFFFFFF else 0xFFFFFFFE
