"""Token ids to the exact bytes they stand for.

Three families: byte-level BPE (every byte has a letter), SentencePiece with byte fallback (`<0xE2>`, "\u2581" for a
space, one space too many at the beginning), and the rest, which only the tokenizer itself can put into words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from heylook_core.engine import Decoder

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "\u2581"

Prefix = Literal["always", "first", "never"]


class Pieces:
    """The vocabulary of a fast tokenizer as bytes, looked up when first needed. Thread-safe."""

    def __init__(self, tokenizer: Any) -> None:
        self.kind = family(tokenizer)
        self.prefix = space_prefix(tokenizer) if self.kind == "sentencepiece" else "never"
        self.added = {id_: token.content for id_, token in tokenizer.get_added_tokens_decoder().items()}
        self._id_to_token: Callable[[int], str | None] = tokenizer.id_to_token
        self._known: dict[int, bytes] = {}

    def __getitem__(self, token: int) -> bytes:
        found = self._known.get(token)
        if found is None:
            found = self._known[token] = self._spell(token)
        return found

    def _spell(self, token: int) -> bytes:
        if token in self.added:
            content: str = self.added[token]
            return content.encode()
        text = self._id_to_token(token) if token >= 0 else None
        if text is None:
            return b""
        return _byte_level(text) if self.kind == "bytes" else _sentencepiece(text)


class PieceDecoder(Decoder):
    """Bytes of each token by itself, but for the space that SentencePiece puts before the first word."""

    def __init__(self, pieces: Pieces, prompt: Sequence[int]) -> None:
        self._pieces = pieces
        self._extra_space = pieces.prefix != "never" and (not prompt or self._begins_word(prompt[-1]))

    def push(self, token: int) -> bytes:
        piece = self._pieces[token]
        added = token in self._pieces.added
        if self._extra_space and not added and piece:
            piece = piece.removeprefix(b" ")
        self._extra_space = self._begins_word(token) if added else False
        return piece

    def _begins_word(self, token: int) -> bool:
        """Whether the tokenizer puts a space of its own before the text that follows this token."""
        return self._pieces.prefix == "always" and token in self._pieces.added


class TextDecoder(Decoder):
    """For tokenizers of no known family: decodes the newest tokens together and tells what is new in the text.

    A token whose character is incomplete gives nothing; its bytes come with the token that completes it.
    """

    CONTEXT = 8

    def __init__(self, decode: Callable[[list[int]], str], prompt: Sequence[int]) -> None:
        self._decode = decode
        self._tokens = list(prompt[-self.CONTEXT :])
        self._told = len(self._tokens)

    def push(self, token: int) -> bytes:
        before = self._decode(self._tokens[: self._told]) if self._told else ""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        if text.endswith("\ufffd") or len(text) < len(before):
            return b""
        self._tokens = self._tokens[-self.CONTEXT :]
        self._told = len(self._tokens)
        return text[len(before) :].encode()


def family(tokenizer: Any) -> Literal["bytes", "sentencepiece", "other"]:
    """Which rule turns this `tokenizers.Tokenizer`'s tokens into bytes."""
    steps = _steps(tokenizer.decoder, "decoders")
    kinds = [step["type"] for step in steps]
    if "ByteLevel" in kinds:
        return "bytes"
    replaces = any(step["type"] == "Replace" and step.get("content") == " " for step in steps)
    if "Metaspace" in kinds or ("ByteFallback" in kinds and replaces):
        return "sentencepiece"
    return "other"


def space_prefix(tokenizer: Any) -> Prefix:
    """Where a SentencePiece tokenizer puts a space that the text does not have."""
    for step in _steps(tokenizer.normalizer, "normalizers"):
        if step["type"] == "Prepend" and step.get("prepend") == _SPACE:
            return "always"
    for step in _steps(tokenizer.pre_tokenizer, "pretokenizers"):
        if step["type"] == "Metaspace":
            scheme: Prefix = step.get("prepend_scheme", "always")
            return scheme
    return "never"


def _steps(component: Any, key: str) -> list[dict[str, Any]]:
    """A component of a tokenizer as the list of its parts."""
    if component is None:
        return []
    state: dict[str, Any] = json.loads(component.__getstate__())
    return state[key] if state["type"] == "Sequence" else [state]


def _byte_level(text: str) -> bytes:
    try:
        return bytes(_LETTERS[letter] for letter in text)
    except KeyError:
        return text.encode()


def _sentencepiece(text: str) -> bytes:
    byte = _BYTE_TOKEN.fullmatch(text)
    return bytes([int(byte[1], 16)]) if byte else text.replace(_SPACE, " ").encode()


def _letters() -> dict[str, int]:
    """GPT-2's alphabet (openai/gpt-2, src/encoder.py): printable bytes are themselves, the others follow U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


_LETTERS = _letters()
