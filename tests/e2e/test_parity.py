"""The same weights answer alike on MLX and on llama.cpp: text, reasoning and calls, greedy, token for token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from answers import Told

from heylook_demo_model.prompts import proven

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


def test_both_engines_write_the_same_answers(told: Callable[[str], list[Told]], listed: list[str]) -> None:
    if "heylook-demo-gguf" not in listed:
        pytest.skip("both engines are needed")
    found = list(zip(proven(), told("heylook-demo"), told("heylook-demo-gguf"), strict=True))
    assert len(found) >= 50
    assert [(prompt, mlx, gguf) for prompt, mlx, gguf in found if mlx != gguf] == []
    for prompt, one, _ in found:
        assert one.tokens > 0
        assert (len(one.arguments) > 0) == (prompt.skill == "tool_call")
        assert bool(one.answer.reasoning) == prompt.thinking
        assert one.answer.text in prompt.answer
