"""Runs the groups of a batch: one after the other, or side by side. A group that fails does not fail the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from heylook_api_openai.batch_groups import MODES, Group, Mode, groups_of, stated_context
from heylook_api_openai.schema import OpenAIChatRequest
from heylook_api_openai.side_by_side import AT_ONCE, Open, collected, gathered
from heylook_core.errors import Cancelled, HeylookError, InvalidRequest
from heylook_core.messages import ChatRequest, Message, TextPart
from heylook_core.running import Choice


class Outcome(msgspec.Struct):
    """What became of one group; `seconds` is how long it took, waiting included."""

    seconds: float
    choices: list[Choice] = []
    error: HeylookError | None = None


def mode_of(body: OpenAIChatRequest) -> Mode | None:
    """None for an ordinary conversation. Raises InvalidRequest for an unknown mode, or for one with `stream`."""
    asked = body.processing_mode
    if asked is None or asked == "conversation":
        return None
    if asked not in MODES:
        message = f"`processing_mode` is {asked[:40]!r}; it must be one of {', '.join(MODES)}."
        raise InvalidRequest(message, param="processing_mode")
    if body.stream:
        message = "A batch is answered as a whole: leave out `stream`, or set `processing_mode` to conversation."
        raise InvalidRequest(message, param="stream")
    if body.return_individual is False:
        _check_joined(body)
    mode: Any = asked
    return mode  # type: ignore[no-any-return]


def _check_joined(body: OpenAIChatRequest) -> None:
    """Raises InvalidRequest, naming the field, for what texts that are put together have no place for."""
    for field in ("tools", "logprobs", "include_performance"):
        if getattr(body, field):
            message = f"`{field}` has no place in texts that are put together; leave out `return_individual`."
            raise InvalidRequest(message, param=field)


async def run_groups(open_: Open, request: ChatRequest, mode: Mode) -> list[Outcome]:
    """The outcome of every group, in order. Raises Cancelled where the client leaves, and the first failure if no
    group succeeds."""
    groups = groups_of(request.messages)
    if mode.startswith("parallel"):
        outcomes = await _side_by_side(open_, request, groups, mode == "parallel_with_context")
    else:
        outcomes = await _in_turn(open_, request, groups, mode == "sequential_with_context")
    failures = [outcome.error for outcome in outcomes if outcome.error is not None]
    if len(failures) == len(outcomes):
        raise failures[0]
    return outcomes


def at_once(mode: Mode, groups: int) -> int:
    """The most groups that are under way at the same time."""
    return min(AT_ONCE, groups) if mode.startswith("parallel") else 1


async def _in_turn(open_: Open, request: ChatRequest, groups: Sequence[Group], context: bool) -> list[Outcome]:
    """With context each group is told what was asked and answered before it; what failed is left out."""
    outcomes: list[Outcome] = []
    known: list[Message] = []
    for group in groups:
        outcome = await _outcome(open_, request, group.with_context(known if context else ()))
        outcomes.append(outcome)
        if outcome.error is None:
            known += [*group.messages, _answer(outcome.choices[0])]
    return outcomes


async def _side_by_side(open_: Open, request: ChatRequest, groups: Sequence[Group], context: bool) -> list[Outcome]:
    """With context each group is told what the request itself says before it; there are no answers yet."""
    before = [stated_context(request.messages, groups, at) if context else () for at in range(len(groups))]
    return await gathered(
        [_outcome(open_, request, group.with_context(known)) for group, known in zip(groups, before, strict=True)]
    )


async def _outcome(open_: Open, request: ChatRequest, messages: tuple[Message, ...]) -> Outcome:
    started = time.monotonic()
    try:
        choices = await collected(open_, msgspec.structs.replace(request, messages=messages))
    except Cancelled:
        raise
    except HeylookError as error:
        return Outcome(time.monotonic() - started, error=error)
    return Outcome(time.monotonic() - started, choices)


def _answer(choice: Choice) -> Message:
    return Message(
        "assistant",
        (TextPart(choice.text),) if choice.text else (),
        reasoning=choice.reasoning or None,
        tool_calls=choice.tool_calls,
    )
