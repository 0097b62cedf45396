"""POST /v1/completions: raw prompts, one request to the core for each, and their answers as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET

from heylook_api_openai.chat import DEFAULTS, sampling_of, stops_of
from heylook_api_openai.completion_schema import OpenAICompletion, OpenAICompletionChoice, OpenAICompletionRequest
from heylook_api_openai.constraints import format_of
from heylook_api_openai.legacy_logprobs import Offsets, joined, legacy_logprobs, prompt_logprobs
from heylook_api_openai.performance import performance_of
from heylook_api_openai.wire import finish_reason, usage_of, usage_together
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import ChatRequest, Finished, ScoredToken
from heylook_core.running import Choice

Prompt: TypeAlias = str | tuple[int, ...]

DEFAULT_MAX_TOKENS = 16
MOST_PROMPTS = 2048


def completion_requests(body: OpenAICompletionRequest, model: str) -> list[ChatRequest]:
    """One for each prompt. Raises InvalidRequest or Unsupported, naming the field, for what cannot be honoured."""
    _check_best_of(body)
    if body.echo and body.suffix:
        raise Unsupported("`echo` and `suffix` cannot be combined; leave out one of them.", param="echo")
    return [_request(body, model, prompt) for prompt in prompts_of(body.prompt)]


def prompts_of(prompt: str | list[str | int | list[int]]) -> list[Prompt]:
    """The four forms as a list. Raises InvalidRequest for an empty or a mixed one."""
    if isinstance(prompt, str):
        return [prompt]
    if not prompt:
        raise InvalidRequest("`prompt` is an empty list; send a text or token ids.", param="prompt")
    kinds = {type(one) for one in prompt}
    if len(kinds) > 1:
        raise InvalidRequest("`prompt` mixes texts, token ids and lists; send one kind.", param="prompt")
    if kinds == {int}:
        return [tuple(one for one in prompt if isinstance(one, int))]
    if len(prompt) > MOST_PROMPTS:
        raise InvalidRequest(f"`prompt` has {len(prompt)} entries; {MOST_PROMPTS} are the most.", param="prompt")
    return [one if isinstance(one, str) else _tokens(one, at) for at, one in enumerate(prompt)]


def _tokens(tokens: int | list[int], at: int) -> tuple[int, ...]:
    if not isinstance(tokens, list) or not tokens:
        raise InvalidRequest(f"`prompt[{at}]` is empty; send at least one token.", param=f"prompt[{at}]")
    return tuple(tokens)


def _check_best_of(body: OpenAICompletionRequest) -> None:
    best, n = body.best_of, body.n or 1
    if best is not None and best < n:
        raise InvalidRequest(f"`best_of` is {best}; it cannot be below `n`, which is {n}.", param="best_of")
    if best is not None and best > n:
        why = "Choosing the best of more answers than are returned is not available; set `best_of` to `n`, or leave it."
        raise Unsupported(why, param="best_of")


def _request(body: OpenAICompletionRequest, model: str, prompt: Prompt) -> ChatRequest:
    """Zero tokens are asked for to have a prompt scored: one is generated then, and dropped (see `without_answer`)."""
    return ChatRequest(
        model=model,
        prompt=prompt,
        suffix=body.suffix or None,
        echo=bool(body.echo),
        sampling=sampling_of(body),
        defaults=DEFAULTS,
        max_tokens=max(1, DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens),
        stop=stops_of(body.stop),
        ignore_eos=bool(body.ignore_eos),
        n=body.n or 1,
        logprobs=body.logprobs is not None,
        top_logprobs=body.logprobs or 0,
        format=format_of(body),
        stream=bool(body.stream),
    )


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What shapes an answer. `echoes` are the prompts' texts where they are to be repeated, else empty."""

    id: str
    created: int
    model: str
    n: int
    logprobs: int | None
    nothing: bool
    echoes: tuple[str, ...] = ()
    performance: bool = False
    usage: bool = False


def wanted(body: OpenAICompletionRequest, model: str, echoes: Sequence[str], id_: str, created: int) -> Wanted:
    options = body.stream_options
    return Wanted(
        id=id_,
        created=created,
        model=model,
        n=body.n or 1,
        logprobs=body.logprobs,
        nothing=body.max_tokens == 0,
        echoes=tuple(echoes),
        performance=bool(body.include_performance),
        usage=options is not None and bool(options.include_usage),
    )


def completion(answers: Sequence[Sequence[Choice]], how: Wanted) -> OpenAICompletion:
    """The whole answer. `answers` has every prompt's complete choices."""
    finishes = [[choice.finish for choice in choices if choice.finish is not None] for choices in answers]
    counted = [[without_answer(finish) if how.nothing else finish for finish in each] for each in finishes]
    return OpenAICompletion(
        id=how.id,
        created=how.created,
        model=how.model,
        choices=[
            _choice(choice, choices[0].prompt, at, how) for at, choices in enumerate(answers) for choice in choices
        ],
        usage=usage_together([usage_of(each) for each in counted]),
        performance=performance_of([one for each in finishes for one in each]) if how.performance else UNSET,
    )


def _choice(choice: Choice, prompt: Sequence[ScoredToken], at: int, how: Wanted) -> OpenAICompletionChoice:
    echo = how.echoes[at] if how.echoes else ""
    reason = finish_reason(choice.finish)
    tokens = () if how.nothing else choice.logprobs
    logprobs = None
    if how.logprobs is not None:
        offsets = Offsets()
        before = prompt_logprobs(prompt, how.logprobs, offsets)
        if not prompt:
            offsets.next(echo.encode())
        logprobs = joined(before, legacy_logprobs(tokens, how.logprobs, offsets))
    return OpenAICompletionChoice(
        text=echo if how.nothing else echo + choice.text,
        index=at * how.n + choice.index,
        logprobs=logprobs,
        finish_reason="length" if how.nothing or reason == "length" else "stop",
    )


def without_answer(finish: Finished) -> Finished:
    """As if the one token that was generated for its own sake had not been."""
    return msgspec.structs.replace(finish, usage=msgspec.structs.replace(finish.usage, completion=0, reasoning=0))
