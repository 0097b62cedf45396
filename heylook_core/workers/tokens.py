"""Prompts as text, text as token ids and back: calls beside generation. Prepare thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Event, Text, Tokens
from heylook_core.provider import Model
from heylook_core.workers.protocol import Detokenize, Embed, Render, Tokenize

if TYPE_CHECKING:
    from heylook_core.text.prompt import Preparation

PICTURE = -1
"""The id that every position of a picture is shown with: which token it is differs from model to model."""


def inputs_of(operation: Embed, preparation: Preparation, model: Model) -> list[list[int]]:
    """The token ids of every input. Raises InvalidRequest for ids that the model does not know."""
    return [
        preparation.encode(one) if isinstance(one, str) else _known(one, model, "input") for one in operation.inputs
    ]


def translated(operation: Tokenize | Detokenize | Render, preparation: Preparation, model: Model) -> Event:
    """Raises InvalidRequest for ids that the model does not know, or messages that its template refuses."""
    if isinstance(operation, Render):
        return Text(0, preparation.prompt_text(operation.request))
    codec = model.codec
    if isinstance(operation, Detokenize):
        decoder = codec.decoder()
        data = b"".join(decoder.push(token) for token in _known(operation.ids, model, "tokens"))
        return Text(0, data.decode("utf-8", "replace"))
    if operation.request is not None:
        ids = preparation.tokens(operation.request)
    else:
        ids = preparation.encode(operation.text) if operation.begin else codec.encode(operation.text)
    return Tokens(tuple(max(id_, PICTURE) for id_ in ids), tuple(codec.piece(id_) if id_ >= 0 else b"" for id_ in ids))


def _known(ids: Sequence[int], model: Model, param: str) -> list[int]:
    size = model.info.vocabulary
    for token in ids:
        if token < 0 or (size and token >= size):
            raise InvalidRequest(f"Token {token} is not in the vocabulary of {size} tokens.", param=param)
    return list(ids)
