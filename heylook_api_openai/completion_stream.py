"""A streamed /v1/completions: the events of every prompt, in one stream of OpenAI's pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import msgspec
from msgspec import UNSET

from heylook_api_openai.completion_schema import OpenAICompletion, OpenAICompletionChoice, OpenAILegacyLogprobs
from heylook_api_openai.completions import Wanted, without_answer
from heylook_api_openai.legacy_logprobs import Offsets, legacy_logprobs, prompt_logprobs
from heylook_api_openai.performance import performance_of
from heylook_api_openai.schema import OpenAIUsage
from heylook_api_openai.side_by_side import Arrived, Several
from heylook_api_openai.stream import DONE, keepalive
from heylook_api_openai.wire import finish_reason, usage_of, usage_together
from heylook_core.messages import Finished, Logprobs, PromptLogprobs, Text

encode = msgspec.json.Encoder().encode


class CompletionChunks:
    """Frames of one answer, over all of its prompts."""

    def __init__(self, how: Wanted) -> None:
        self._how = how
        self._offsets: dict[int, Offsets] = {}
        self._prompt_offsets: dict[int, Offsets] = {}
        self._finishes: dict[int, list[Finished]] = {}

    def of(self, arrived: Arrived) -> bytes:
        """Raises Cancelled where an answer was ended from outside."""
        frames: list[bytes] = []
        for choice in sorted({event.choice for event in arrived.events if isinstance(event, Text | Logprobs)}):
            text = "".join(event.text for event in arrived.events if isinstance(event, Text) and event.choice == choice)
            tokens = [event for event in arrived.events if isinstance(event, Logprobs) and event.choice == choice]
            frames.append(self._said(arrived.at, choice, text, tokens))
        frames += [self._finished(arrived.at, event) for event in arrived.events if isinstance(event, Finished)]
        return b"".join(self._scored(arrived) + frames)

    def _scored(self, arrived: Arrived) -> list[bytes]:
        """Log-probabilities of the prompt, whose text the stream began with: the same for each of its choices."""
        how = self._how
        tokens = [token for event in arrived.events if isinstance(event, PromptLogprobs) for token in event.tokens]
        if not tokens or how.logprobs is None:
            return []
        scores = prompt_logprobs(tokens, how.logprobs, self._prompt_offsets.setdefault(arrived.at, Offsets()))
        return [self._frame(arrived.at * how.n + choice, "", scores) for choice in range(how.n)]

    def opening(self) -> bytes:
        """The prompts, where they are to be repeated."""
        how = self._how
        return b"".join(
            self._frame(at * how.n + choice, text) for at, text in enumerate(how.echoes) for choice in range(how.n)
        )

    def closing(self) -> bytes:
        """Usage and figures where they are wanted, and the end."""
        how, last = self._how, b""
        if how.usage or how.performance:
            piece = OpenAICompletion(
                id=how.id, created=how.created, model=how.model, choices=[], usage=self._usage() if how.usage else UNSET
            )
            if how.performance:
                piece.performance = performance_of([one for each in self._finishes.values() for one in each])
            last = b"data: %b\n\n" % encode(piece)
        return last + DONE

    def _usage(self) -> OpenAIUsage:
        nothing = self._how.nothing
        return usage_together(
            [usage_of([without_answer(one) if nothing else one for one in each]) for each in self._finishes.values()]
        )

    def _said(self, at: int, choice: int, text: str, tokens: list[Logprobs]) -> bytes:
        how = self._how
        if how.nothing:
            return b""
        index = at * how.n + choice
        logprobs = None
        if how.logprobs is not None and tokens:
            logprobs = legacy_logprobs(tokens, how.logprobs, self._offsets_of(index, at))
        return self._frame(index, text, logprobs)

    def _offsets_of(self, index: int, at: int) -> Offsets:
        if index not in self._offsets:
            self._offsets[index] = offsets = Offsets()
            offsets.next((self._how.echoes[at] if self._how.echoes else "").encode())
        return self._offsets[index]

    def _finished(self, at: int, event: Finished) -> bytes:
        self._finishes.setdefault(at, []).append(event)
        reason = finish_reason(event)
        ended: Literal["stop", "length"] = "length" if self._how.nothing or reason == "length" else "stop"
        return self._frame(at * self._how.n + event.choice, "", None, ended)

    def _frame(
        self,
        index: int,
        text: str,
        logprobs: OpenAILegacyLogprobs | None = None,
        reason: Literal["stop", "length"] | None = None,
    ) -> bytes:
        how = self._how
        piece = OpenAICompletion(
            id=how.id,
            created=how.created,
            model=how.model,
            choices=[OpenAICompletionChoice(text, index, logprobs, reason)],
            usage=None if how.usage else UNSET,
        )
        return b"data: %b\n\n" % encode(piece)


async def completion_stream(several: Several, chunks: CompletionChunks) -> AsyncIterator[bytes]:
    try:
        opening = chunks.opening()
        if opening:
            yield opening
        async for arrived in several:
            piece = chunks.of(arrived) if arrived.events else keepalive(None)
            if piece:
                yield piece
        yield chunks.closing()
    finally:
        several.close()
