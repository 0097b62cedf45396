"""The OpenAI dialect keeps the contract of all dialects."""

from __future__ import annotations

import json

import pytest

from heylook_core.testkit import DialectContract
from heylook_core.testkit.dialect_contract import Question, Reading

pytestmark = pytest.mark.integration


class TestOpenAI(DialectContract):
    dialect = "openai"

    def question(self, text: str, model: str = "toy", stream: bool = False) -> Question:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, "temperature": 0}
        return Question("POST", "/v1/chat/completions", body)

    def answer(self, body: bytes) -> str:
        return str(json.loads(body)["choices"][0]["message"]["content"])

    def reading(self, body: bytes) -> Reading:
        events = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line.startswith("data: ")]
        complete = events[-1] == "[DONE]"
        chunks = [json.loads(event) for event in events if event != "[DONE]"]
        texts = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk.get("choices")]
        error = next((chunk["error"]["message"] for chunk in chunks if "error" in chunk), None)
        return Reading("".join(texts), complete, error)
