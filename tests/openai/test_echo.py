"""Echo with log-probabilities on /v1/completions, as evaluation harnesses ask for it."""

from __future__ import annotations

import openai
import pytest


@pytest.mark.parametrize("stream", [False, True])
def test_echo_with_logprobs_scores_the_prompt_and_then_the_answer(client: openai.OpenAI, stream: bool):
    asked = {"model": "toy", "prompt": "hi th\u00e9re", "max_tokens": 2, "echo": True, "logprobs": 1, "temperature": 0}
    pieces = list(client.completions.create(**asked, stream=True)) if stream else [client.completions.create(**asked)]
    choices = [choice for piece in pieces for choice in piece.choices]
    scored = [choice.logprobs for choice in choices if choice.logprobs is not None]
    values = [value for one in scored for value in one.token_logprobs]
    offsets = [offset for one in scored for offset in one.text_offset]
    text = "".join(choice.text for choice in choices)
    assert text.startswith("hi th\u00e9re")
    assert values[0] is None
    assert None not in values[1:]
    assert len(values) == len("hi th\u00e9re".encode()) + 2
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(text) - 1


def test_a_prompt_alone_can_be_scored(client: openai.OpenAI):
    answer = client.completions.create(model="toy", prompt="abc", max_tokens=0, echo=True, logprobs=1)
    assert answer.choices[0].text == "abc"
    assert answer.choices[0].logprobs.tokens == ["a", "b", "c"]
    assert answer.choices[0].logprobs.token_logprobs[0] is None
