"""Log-probabilities of the prompt: scored in slices before the answer, and told once."""

from __future__ import annotations

from heylook_core.batching.loop import TurnLoop
from heylook_core.messages import ChatRequest, Event, Finished, PromptLogprobs, Text
from heylook_core.provider import TokenConfig
from heylook_core.testkit.toy import ToyConfig, ToyModel
from heylook_core.text.prompt import Preparation
from heylook_core.workers.protocol import Lease


def running(request: ChatRequest) -> tuple[TurnLoop, list[Event], list[int]]:
    told: list[Event] = []
    ended: list[int] = []
    model = ToyModel(ToyConfig())
    loop = TurnLoop(model, Lease(), lambda rid, events: told.extend(events), ended.append)
    loop.submit(Preparation(model.info, model.codec, TokenConfig()).prepare(1, request, 0.0))
    return loop, told, ended


def request(prompt: str = "hello", **fields: object) -> ChatRequest:
    known = {"model": "toy", "prompt": prompt, "echo": True, "logprobs": True, "top_logprobs": 2, "max_tokens": 3}
    return ChatRequest(**{**known, **fields})  # type: ignore[arg-type]


def test_the_prompt_is_scored_before_the_answer_and_its_first_token_is_not() -> None:
    loop, told, ended = running(request(n=2))
    while not loop.idle:
        loop.turn()
    kinds = [type(event) for event in told]
    assert kinds.count(PromptLogprobs) == 1
    assert kinds.index(PromptLogprobs) < kinds.index(Text)
    scored = told[kinds.index(PromptLogprobs)]
    assert isinstance(scored, PromptLogprobs)
    assert b"".join(token.token for token in scored.tokens) == b"hello"
    assert (scored.tokens[0].logprob, scored.tokens[0].top) == (None, ())
    assert all(token.logprob is not None and len(token.top) == 2 for token in scored.tokens[1:])
    assert kinds.count(Finished) == 2
    assert ended == [1]


def test_without_echo_nothing_is_scored() -> None:
    loop, told, _ = running(request(echo=False))
    while not loop.idle:
        loop.turn()
    assert not any(isinstance(event, PromptLogprobs) for event in told)


def test_a_long_prompt_is_scored_in_pieces_and_can_be_cancelled() -> None:
    loop, told, ended = running(request("x" * 8000))
    loop.turn()
    assert sum(len(event.tokens) for event in told if isinstance(event, PromptLogprobs)) == 4096
    loop.cancel(1)
    assert [event.reason for event in told if isinstance(event, Finished)] == ["cancelled"]
    assert ended == [1]
    assert loop.idle
