"""POST /v1/embeddings (API reference of OpenAI; `pooling` and `truncate` are ours)."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from heylook_api_openai.schema import Texts
from heylook_core.errors import InvalidRequest
from heylook_core.messages import Vectors
from heylook_core.provider import EmbedOptions

MOST_INPUTS = 2048


class OpenAIEmbeddingRequest(msgspec.Struct, kw_only=True):
    """`input` is a text, a list of texts, token ids, or a list of lists of them. The second group is ours."""

    model: str | None = None
    input: Texts
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    user: str | None = None

    pooling: Literal["mean", "cls", "last", "max"] | None = None
    truncate: bool | None = None
    keep_alive: float | str | None = None


class OpenAIEmbedding(msgspec.Struct, kw_only=True):
    """A list of numbers, or base64 of little-endian float32, as the official clients ask and decode."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class OpenAIEmbeddingUsage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class OpenAIEmbeddingList(msgspec.Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[OpenAIEmbedding]
    model: str
    usage: OpenAIEmbeddingUsage


def inputs_of(given: str | list[str | int | list[int]]) -> tuple[str | tuple[int, ...], ...]:
    """The four forms as one. Raises InvalidRequest, naming the input, for an empty or a mixed one."""
    if isinstance(given, str):
        return (_input(given, "input"),)
    if not given:
        raise InvalidRequest("`input` is an empty list; send a text or token ids.", param="input")
    kinds = {type(one) for one in given}
    if len(kinds) > 1:
        raise InvalidRequest("`input` mixes texts, token ids and lists; send one kind.", param="input")
    if kinds == {int}:
        return (tuple(one for one in given if isinstance(one, int)),)
    if len(given) > MOST_INPUTS:
        raise InvalidRequest(f"`input` has {len(given)} entries; {MOST_INPUTS} are the most.", param="input")
    return tuple(_input(one, f"input[{at}]") for at, one in enumerate(given) if not isinstance(one, int))


def _input(one: str | list[int], path: str) -> str | tuple[int, ...]:
    if not one:
        raise InvalidRequest(f"`{path}` is empty; there is nothing to embed.", param=path)
    return one if isinstance(one, str) else tuple(one)


def options_of(body: OpenAIEmbeddingRequest) -> EmbedOptions:
    return EmbedOptions(pooling=body.pooling, dimensions=body.dimensions, truncate=bool(body.truncate))


def embedding_list(vectors: Vectors, model: str, encoding: Literal["float", "base64"] | None) -> OpenAIEmbeddingList:
    """The answer; without an `encoding_format` the API's default is a list of numbers."""
    size = vectors.width * 4
    rows = [vectors.data[at * size : (at + 1) * size] for at in range(vectors.rows)]
    tokens = sum(vectors.tokens)
    return OpenAIEmbeddingList(
        data=[OpenAIEmbedding(index=at, embedding=_encoded(row, encoding)) for at, row in enumerate(rows)],
        model=model,
        usage=OpenAIEmbeddingUsage(tokens, tokens),
    )


def _encoded(row: bytes, encoding: Literal["float", "base64"] | None) -> list[float] | str:
    if encoding == "base64":
        return b64encode(row).decode("ascii")
    numbers = array("f", row)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
