"""Text to tokens and back, by the vocabulary in the file."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from heylook_core.engine import Codec, Decoder
from heylook_core.errors import InvalidRequest
from heylook_gguf.library import Library


class GgufCodec(Codec):
    """llama.cpp's tokenizer. Thread-safe: the vocabulary is never changed, and ctypes releases the GIL."""

    def __init__(self, library: Library, vocabulary: Any, *, space_prefix: bool) -> None:
        self._c = library.c
        self._vocabulary = vocabulary
        self.size = int(self._c.llama_vocab_n_tokens(vocabulary))
        self.space_prefix = space_prefix
        self._pieces: dict[int, bytes] = {}

    def encode(self, text: str) -> list[int]:
        data = text.encode("utf-8", "replace")
        capacity = len(data) // 2 + 16
        while True:
            ids = np.empty(capacity, np.int32)
            pointer = ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
            count = int(self._c.llama_tokenize(self._vocabulary, data, len(data), pointer, capacity, False, True))
            if count >= 0:
                tokens: list[int] = ids[:count].tolist()
                return tokens
            if count == -(2**31):
                raise InvalidRequest("The text is too long for this model's tokenizer: send less of it.")
            capacity = -count

    def decoder(self, prompt: Sequence[int] = ()) -> GgufDecoder:
        return GgufDecoder(self, after_special=not prompt or self.is_special(prompt[-1]))

    def piece(self, token: int) -> bytes:
        """The bytes of a token; b"" for control tokens, which are never shown."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token, special=False)
        return known

    def text(self, token: int) -> str:
        """A token as the vocabulary writes it, control tokens included: what templates call `bos_token`."""
        return self._read_piece(token, special=True).decode("utf-8", "replace")

    def is_special(self, token: int) -> bool:
        """Whether text never becomes this token unless it is written out: control and user-defined tokens."""
        special = self._c.LLAMA_TOKEN_ATTR_CONTROL | self._c.LLAMA_TOKEN_ATTR_USER_DEFINED
        return 0 <= token < self.size and bool(self._c.llama_vocab_get_attr(self._vocabulary, token) & special)

    @functools.cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """Every token that ends an answer, of which files name several. A tenth of a second for 200,000 tokens."""
        return tuple(id for id in range(self.size) if self._c.llama_vocab_is_eog(self._vocabulary, id))

    @functools.cached_property
    def _guide_tokenizer(self) -> object:
        """llguidance's own bridge calls a deprecated function per token, and knows one end token only."""
        from llguidance import LLTokenizer

        tokenize = ctypes.cast(self._c._lib.llama_tokenize, ctypes.c_void_p).value
        return LLTokenizer.from_llamacpp(
            tokens=[self._guided_piece(token) for token in range(self.size)],
            vocab_ptr=self._vocabulary,
            tokenize_fptr=tokenize,
            eos_token=list(self.end_tokens) or None,
        )

    def guide_tokenizer(self) -> object:
        return self._guide_tokenizer

    def _guided_piece(self, token: int) -> bytes:
        """llguidance tells special tokens from text by a first byte that is in no UTF-8."""
        piece = self._read_piece(token, special=True)
        return b"\xff" + piece if self.is_special(token) else piece

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        if not 0 <= token < self.size:
            return b""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = int(self._c.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, special))
            if length >= 0:
                return buffer.raw[:length]
            size = -length


class GgufDecoder(Decoder):
    """Bytes of one sequence's tokens.

    SentencePiece vocabularies write a space in front of the text that follows the beginning or a special token;
    `encode` puts it there, so the decoder takes it away.
    """

    def __init__(self, codec: GgufCodec, *, after_special: bool) -> None:
        self._codec = codec
        self._after_special = after_special

    def push(self, token: int) -> bytes:
        piece = self._codec.piece(token)
        if not self._codec.space_prefix:
            return piece
        if self._after_special and piece.startswith(b" ") and not self._codec.is_special(token):
            piece = piece[1:]
        self._after_special = self._codec.is_special(token)
        return piece
