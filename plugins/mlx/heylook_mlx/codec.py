"""Text to token ids and back, for the prepare thread and the engine thread at once."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from typing import Any

from heylook_core.engine import Codec, Decoder
from heylook_core.errors import Unsupported
from heylook_mlx.decoding import PieceDecoder, Pieces, TextDecoder


def codec_of(tokenizer: Any, vocabulary: int) -> Codec:
    """The codec for a Hugging Face tokenizer (not mlx-lm's wrapper); `vocabulary` is the width of the logits."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or hasattr(tokenizer, "_preprocess_text"):
        return SlowCodec(tokenizer)
    return FastCodec(tokenizer, backend, vocabulary)


def can_guide() -> bool:
    """Whether llguidance is installed, without importing it."""
    return importlib.util.find_spec("llguidance") is not None


class FastCodec(Codec):
    """Over a tokenizer written in Rust. `encode` releases the GIL: a long prompt stalls nobody."""

    def __init__(self, tokenizer: Any, backend: Any, vocabulary: int) -> None:
        backend.no_truncation()
        backend.no_padding()
        self._tokenizer = tokenizer
        self._backend = backend
        self._vocabulary = vocabulary
        self._pieces = Pieces(backend)
        self._guide: object | None = None
        self._lock = threading.Lock()

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._backend.encode_batch_fast([text], add_special_tokens=False)[0].ids
        return ids

    def decoder(self, prompt: Sequence[int] = ()) -> Decoder:
        if self._pieces.kind == "other":
            return TextDecoder(self._text, prompt)
        return PieceDecoder(self._pieces, prompt)

    def piece(self, token: int) -> bytes:
        return self._text([token]).encode() if self._pieces.kind == "other" else self._pieces[token]

    def guide_tokenizer(self) -> object:
        """Made once per model: about a second for a vocabulary of 150,000. Raises Unsupported without llguidance."""
        with self._lock:
            if self._guide is None:
                self._guide = self._make_guide_tokenizer()
            return self._guide

    def _make_guide_tokenizer(self) -> object:
        if not can_guide():
            raise Unsupported("Constrained output needs llguidance; install it with: pip install llguidance")
        from llguidance import hf

        return hf.from_tokenizer(self._tokenizer, n_vocab=max(self._vocabulary, self._backend.get_vocab_size()))

    def _text(self, tokens: list[int]) -> str:
        return str(self._backend.decode(tokens, skip_special_tokens=False))


class SlowCodec(Codec):
    """Over a tokenizer written in Python, one call at a time: such tokenizers promise nothing to threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()

    def encode(self, text: str) -> list[int]:
        with self._lock:
            return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decoder(self, prompt: Sequence[int] = ()) -> Decoder:
        return TextDecoder(self._text, prompt)

    def piece(self, token: int) -> bytes:
        return self._text([token]).encode()

    def guide_tokenizer(self) -> object:
        raise Unsupported("Constrained output needs a tokenizer.json, which this model does not have.")

    def _text(self, tokens: list[int]) -> str:
        with self._lock:
            return str(self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))
