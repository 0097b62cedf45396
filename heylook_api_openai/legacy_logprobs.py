"""Log-probabilities in the shape of /v1/completions: parallel lists, with offsets into the text."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from heylook_api_openai.completion_schema import OpenAILegacyLogprobs
from heylook_core.messages import Logprobs, ScoredToken, TopToken

LOWEST = -9999.0


class Offsets:
    """Where each token of one text begins, in characters. A token that ends inside a character begins none."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._length = 0

    def next(self, data: bytes) -> int:
        """The offset of the token with these bytes, which comes next."""
        begins = self._length
        self._length += len(self._decoder.decode(data))
        return begins


def legacy_logprobs(tokens: Sequence[Logprobs], count: int, offsets: Offsets) -> OpenAILegacyLogprobs:
    """`count` alternatives for each token, and the token itself where it is not among them, as OpenAI has it."""
    return OpenAILegacyLogprobs(
        tokens=[text_of(token.chosen.token) for token in tokens],
        token_logprobs=[_value(token.chosen) for token in tokens],
        top_logprobs=[_alternatives(token, count) for token in tokens],
        text_offset=[offsets.next(token.chosen.token) for token in tokens],
    )


def prompt_logprobs(tokens: Sequence[ScoredToken], count: int, offsets: Offsets) -> OpenAILegacyLogprobs:
    """The same for the tokens of the prompt; the first of them has no probability."""
    return OpenAILegacyLogprobs(
        tokens=[text_of(token.token) for token in tokens],
        token_logprobs=[None if token.logprob is None else max(token.logprob, LOWEST) for token in tokens],
        top_logprobs=[_prompt_alternatives(token, count) for token in tokens],
        text_offset=[offsets.next(token.token) for token in tokens],
    )


def text_of(data: bytes) -> str:
    """A token as a key: its text, or OpenAI's `bytes:\\x…` where it is only part of a character."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def joined(first: OpenAILegacyLogprobs, then: OpenAILegacyLogprobs) -> OpenAILegacyLogprobs:
    """Both, one after the other."""
    return OpenAILegacyLogprobs(
        tokens=first.tokens + then.tokens,
        token_logprobs=first.token_logprobs + then.token_logprobs,
        top_logprobs=first.top_logprobs + then.top_logprobs,
        text_offset=first.text_offset + then.text_offset,
    )


def _alternatives(token: Logprobs, count: int) -> dict[str, float]:
    found = {text_of(other.token): _value(other) for other in token.top[:count]}
    return {**found, text_of(token.chosen.token): _value(token.chosen)}


def _prompt_alternatives(token: ScoredToken, count: int) -> dict[str, float] | None:
    if token.logprob is None:
        return None
    return _alternatives(Logprobs(0, TopToken(token.token, token.logprob, token.id), token.top), count)


def _value(token: TopToken) -> float:
    return max(token.logprob, LOWEST)
