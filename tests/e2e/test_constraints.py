"""Constraints, forced calls, reasoning and prompt scores on the demo model: the same rules on each engine."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

pytest.importorskip("llguidance")
pytest.importorskip("heylook_demo_model")

from heylook_core.batching.loop import TurnLoop
from heylook_core.messages import (
    ChatRequest,
    Event,
    Finished,
    Format,
    Logprobs,
    Message,
    PromptLogprobs,
    Reasoning,
    Sampling,
    Text,
    TextPart,
    Thinking,
    Tool,
    ToolArgs,
    ToolChoice,
    ToolOpen,
)
from heylook_core.provider import Model, ModelSpec, TokenConfig
from heylook_core.text.prompt import Preparation
from heylook_core.workers.protocol import Lease
from heylook_demo_model import gguf_path, mlx_path

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
CITY = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"]}
WEATHER = Tool("get_weather", "Weather of a city", CITY)


@pytest.fixture(scope="module", params=["mlx", "gguf"])
def model(request: pytest.FixtureRequest) -> Iterator[Model]:
    backend = {"mlx": "mlx_lm", "gguf": "llama_cpp"}[request.param]
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    loaded = _mlx() if request.param == "mlx" else _gguf()
    yield loaded
    loaded.close()


def _mlx() -> Model:
    from heylook_mlx.provider import MlxProvider

    return _loaded(MlxProvider, {"model_path": str(mlx_path())})


def _gguf() -> Model:
    from heylook_gguf.provider import GgufProvider

    return _loaded(GgufProvider, {"model_path": str(gguf_path()), "n_threads": 1, "n_ctx": 1024})


def _loaded(provider: type[Any], config: dict[str, Any]) -> Model:
    spec = ModelSpec(id="demo", provider="demo", config=config)
    found = provider(spec, msgspec.convert(config, provider.Config)).load()
    assert isinstance(found, Model)
    return found


def ask(said: str, temperature: float = 0.0, **fields: Any) -> ChatRequest:
    messages = (Message("user", (TextPart(said),)),)
    known = {"messages": messages, "sampling": Sampling(temperature=temperature, seed=5), "max_tokens": 160}
    return ChatRequest(model="demo", **{**known, **fields})


def answers(model: Model, *requests: ChatRequest) -> list[list[Event]]:
    told: dict[int, list[Event]] = {rid: [] for rid in range(len(requests))}
    loop = TurnLoop(model, Lease(), lambda rid, events: told[rid].extend(events), lambda rid: None)
    preparation = Preparation(model.info, model.codec, TokenConfig())
    for rid, request in enumerate(requests):
        loop.submit(preparation.prepare(rid, request, 0.0))
    while not loop.idle:
        loop.turn()
    return [told[rid] for rid in range(len(requests))]


def text_of(events: Sequence[Event], kind: type[Any] = Text) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def reason_of(events: Sequence[Event]) -> str:
    return next(event.reason for event in events if isinstance(event, Finished))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_schema_holds_beside_a_neighbour_that_stays_as_it_was(model: Model, temperature: float) -> None:
    free = ask("What is heylook?")
    (alone,) = answers(model, free)
    guided, beside = answers(model, ask("Say something", temperature, format=Format("schema", SCHEMA)), free)
    document = json.loads(text_of(guided))
    assert document.keys() == {"name", "age"}
    assert isinstance(document["age"], int)
    assert reason_of(guided) == "stop"
    assert text_of(beside) == text_of(alone)


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_the_offered_tool_is_called_with_the_right_argument(model: Model, mode: Any) -> None:
    (events,) = answers(model, ask("What is the weather in Paris?", tools=(WEATHER,), tool_choice=ToolChoice(mode)))
    assert [event.name for event in events if isinstance(event, ToolOpen)] == ["get_weather"]
    assert json.loads(text_of(events, ToolArgs)) == {"city": "Paris"}
    assert text_of(events) == ""
    assert reason_of(events) == "tool_calls"


def test_reasoning_is_told_apart_and_a_document_comes_after_it(model: Model) -> None:
    thinks = {"thinking": Thinking(enabled=True)}
    plain, guided = answers(
        model, ask("What is heylook?", **thinks), ask("What is heylook?", format=Format("schema", SCHEMA), **thinks)
    )
    assert text_of(plain, Reasoning)
    assert "think>" not in text_of(plain)
    assert text_of(guided, Reasoning) == text_of(plain, Reasoning)
    assert json.loads(text_of(guided)).keys() == {"name", "age"}


def test_scores_of_a_prompt_are_those_its_tokens_had_when_they_were_generated(model: Model) -> None:
    if "prompt_logprobs" not in model.info.capabilities:
        pytest.skip("this model does not score prompts")
    tokens = Preparation(model.info, model.codec, TokenConfig()).tokens(ask("What is heylook?"))
    raw = {"messages": (), "logprobs": True, "top_logprobs": 3}
    (generated,) = answers(model, ask("", prompt=tuple(tokens), **{**raw, "max_tokens": 8}))
    chosen = [event for event in generated if isinstance(event, Logprobs)]
    whole = (*tokens, *(event.chosen.id for event in chosen))
    (events,) = answers(model, ask("", prompt=whole, echo=True, **{**raw, "max_tokens": 1}))
    scored = [token for event in events if isinstance(event, PromptLogprobs) for token in event.tokens]
    assert [token.id for token in scored] == list(whole)
    assert scored[0].logprob is None
    for token, event in zip(scored[len(tokens) :], chosen, strict=True):
        assert token.logprob == pytest.approx(event.chosen.logprob, abs=0.02)
        assert token.top[0].id == event.top[0].id
