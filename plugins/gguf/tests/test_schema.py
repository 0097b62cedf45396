"""Constrained answers: llguidance over llama.cpp's vocabulary, on weights that know nothing of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.engine import Budget, Guide, SequenceTask, Token
from heylook_core.messages import SamplerSettings
from heylook_gguf.model import GgufModel

pytestmark = pytest.mark.integration

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "size": {"type": "integer", "minimum": 0, "maximum": 99},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
    },
    "required": ["name", "size", "tags"],
    "additionalProperties": False,
}
sids = count(1)


class SchemaGuide(Guide):
    """A JSON schema as an automaton over tokens."""

    def __init__(self, tokenizer: Any, schema: dict[str, Any]) -> None:
        import llguidance
        import llguidance.numpy

        grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, defaults={"whitespace_flexible": False})
        self._matcher = llguidance.LLMatcher(tokenizer, grammar)
        self._mask = llguidance.numpy.allocate_token_bitmask(1, tokenizer.vocab_size)

    def mask(self) -> np.ndarray[Any, Any]:
        import llguidance.numpy

        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._mask, 0)
        packed: np.ndarray[Any, Any] = self._mask[0].view(np.uint8)
        return packed

    def accepts(self, token: int) -> bool:
        return bool(self._matcher.validate_tokens([token]) == 1)

    def advance(self, token: int) -> None:
        self._matcher.consume_token(token)


def answers(model: GgufModel, number: int, temperature: float) -> list[bytes]:
    """So many guided answers, computed together."""
    engine = model.lanes()[0]
    tasks = [
        SequenceTask(
            next(sids),
            model.codec.encode("answer "),
            limit=200,
            sampling=SamplerSettings(temperature=temperature, seed=seed),
            eos=frozenset(model.info.eos),
            guide=SchemaGuide(model.codec.guide_tokenizer(), SCHEMA),
        )
        for seed in range(number)
    ]
    texts = {task.sid: b"" for task in tasks}
    for task in tasks:
        engine.insert(task)
    live = set(texts)
    while live:
        for out in engine.step(Budget(64)):
            if isinstance(out, Token):
                texts[out.sid] += model.codec.piece(out.id)
                live -= {out.sid} if out.end else set()
    for task in tasks:
        engine.remove(task.sid, keep=False)
    return list(texts.values())


def check(text: bytes) -> None:
    value = json.loads(text)
    assert set(value) == {"name", "size", "tags"}
    assert len(value["name"]) <= 8
    assert 0 <= value["size"] <= 99
    assert set(value["tags"]) <= {"a", "b"}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_random_weights_write_json_of_the_schema(model: GgufModel, temperature: float) -> None:
    for text in answers(model, 6, temperature):
        check(text)


def test_the_demo_model_writes_json_of_a_schema_too(demo: Path, load: Callable[..., GgufModel]) -> None:
    model = load(demo)
    for text in answers(model, 2, 0.8):
        check(text)
    model.close()
