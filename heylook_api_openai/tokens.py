"""/tokenize and /detokenize: the requests of vLLM (`prompt`, `messages`) and of llama.cpp's server (`content`)."""

from __future__ import annotations

from typing import Any

import msgspec

from heylook_api_openai.content import message_of
from heylook_api_openai.schema import OpenAIMessage, OpenAITool, TokenId
from heylook_api_openai.tools import tool_of
from heylook_core.errors import InvalidRequest, MissingField
from heylook_core.messages import ChatRequest, Tokens


class OpenAITokenizeRequest(msgspec.Struct, kw_only=True):
    """A text, or a conversation as its template renders it.

    `add_special_tokens` (llama.cpp: `add_special`) puts the model's first token before a text where it asks for
    one; `return_token_strs` and `with_pieces` ask for the text of each token.
    """

    model: str | None = None
    prompt: str | None = None
    content: str | None = None
    messages: list[OpenAIMessage] | None = None
    tools: list[OpenAITool] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    add_special_tokens: bool | None = None
    add_special: bool | None = None
    return_token_strs: bool | None = None
    with_pieces: bool | None = None


class OpenAITokenPiece(msgspec.Struct):
    """`piece` is a text, or bytes where the token is only part of a character."""

    id: int
    piece: str | list[int]


class OpenAITokenized(msgspec.Struct, kw_only=True):
    count: int
    max_model_len: int | None
    tokens: list[int | OpenAITokenPiece]
    token_strs: list[str] | msgspec.UnsetType = msgspec.UNSET


class OpenAIDetokenizeRequest(msgspec.Struct, kw_only=True):
    model: str | None = None
    tokens: list[TokenId]


class OpenAIDetokenized(msgspec.Struct, kw_only=True):
    """One text under both names: vLLM's and llama.cpp's."""

    prompt: str
    content: str


def subject_of(body: OpenAITokenizeRequest, model: str) -> str | ChatRequest:
    """What to tokenise. Raises MissingField where nothing is given, InvalidRequest where it is given twice."""
    given = [one for one in (body.prompt, body.content, body.messages) if one is not None]
    if not given:
        raise MissingField("There is nothing to tokenize: send `prompt`, `content` or `messages`.", param="prompt")
    if len(given) > 1:
        raise InvalidRequest("Send one of `prompt`, `content` and `messages`, not several.", param="prompt")
    if isinstance(given[0], str):
        return given[0]
    return conversation_of(body, given[0], model)


def conversation_of(body: OpenAITokenizeRequest, messages: list[OpenAIMessage], model: str) -> ChatRequest:
    return ChatRequest(
        model=model,
        messages=tuple(message_of(message, f"messages[{at}]") for at, message in enumerate(messages)),
        tools=tuple(tool_of(tool, at) for at, tool in enumerate(body.tools or ())),
        template_args=body.chat_template_kwargs or {},
    )


def begins(body: OpenAITokenizeRequest) -> bool:
    """vLLM's `prompt` begins with the model's first token by default, llama.cpp's `content` does not."""
    for asked in (body.add_special_tokens, body.add_special):
        if asked is not None:
            return asked
    return body.content is None


def tokenized(found: Tokens, body: OpenAITokenizeRequest, context: int | None) -> OpenAITokenized:
    ids: list[int | OpenAITokenPiece] = list(found.ids)
    answer = OpenAITokenized(count=len(ids), max_model_len=context or None, tokens=ids)
    if body.with_pieces:
        answer.tokens = [OpenAITokenPiece(id_, _piece(data)) for id_, data in zip(found.ids, found.pieces, strict=True)]
    if body.return_token_strs:
        answer.token_strs = [data.decode("utf-8", "replace") for data in found.pieces]
    return answer


def _piece(data: bytes) -> str | list[int]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return list(data)
