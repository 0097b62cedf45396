"""What was reused is shown alike by both dialects, streamed and not, and a lost state is told by its reason."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from heylook_core.testkit.server import live_server, toy_settings

TEXT = "tell me of the harbour and of the ships that lie in it " * 6


def asked(url: str, path: str, stream: bool, text: str, **more: Any) -> dict[str, Any]:
    """The answer, or the last line of its stream that has usage in it."""
    body = {"model": "toy", "messages": [{"role": "user", "content": text}], "stream": stream, **more}
    answer = httpx.post(url + path, json=body, timeout=60, trust_env=False)
    assert answer.status_code == 200
    if not stream:
        return dict(answer.json())
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line not in ("", "data: [DONE]")]
    return dict(json.loads(lines[-1]))


@pytest.mark.parametrize("stream", [False, True])
def test_usage_tells_the_tokens_that_were_reused(stream: bool) -> None:
    options = {"max_tokens": 4, **({"stream_options": {"include_usage": True}} if stream else {})}
    with live_server(toy_settings()) as server:
        first, again, edited = (
            asked(server.url, "/v1/chat/completions", stream, text, **options)["usage"]
            for text in (TEXT, TEXT, f"{TEXT[:100]}?{TEXT[101:]}")
        )
        assert first["prompt_tokens_details"]["cached_tokens"] == 0
        assert again["prompt_tokens_details"]["cached_tokens"] == again["prompt_tokens"] - 1
        assert again["prompt_tokens"] == first["prompt_tokens"]
        assert 100 <= edited["prompt_tokens_details"]["cached_tokens"] < 120
        record = server.finishes.get(3)[-1]
        assert record.reuse == "first difference in message 0 (user) at character 100"


@pytest.mark.parametrize("stream", [False, True])
def test_ollama_counts_the_whole_prompt_whatever_was_reused(stream: bool) -> None:
    with live_server(toy_settings()) as server:
        first, again = (asked(server.url, "/api/chat", stream, TEXT, options={"num_predict": 4}) for _ in range(2))
        assert again["prompt_eval_count"] == first["prompt_eval_count"] > len(TEXT)
        assert [record.cached_tokens for record in server.finishes.get(2)] == [0, first["prompt_eval_count"] - 1]
