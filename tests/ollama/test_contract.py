"""The Ollama dialect keeps the contract of all dialects."""

from __future__ import annotations

import json

import pytest

from heylook_core.testkit import DialectContract
from heylook_core.testkit.dialect_contract import Question, Reading

pytestmark = pytest.mark.integration


class TestOllama(DialectContract):
    dialect = "ollama"

    def question(self, text: str, model: str = "toy", stream: bool = False) -> Question:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "stream": stream,
            "think": False,
            "truncate": False,
            "options": {"temperature": 0},
        }
        return Question("POST", "/api/chat", body)

    def answer(self, body: bytes) -> str:
        return str(json.loads(body)["message"]["content"])

    def reading(self, body: bytes) -> Reading:
        chunks = [json.loads(line) for line in body.decode().strip(" ").splitlines()]
        text = "".join(chunk["message"]["content"] for chunk in chunks if "message" in chunk)
        error = next((chunk["error"] for chunk in chunks if "error" in chunk), None)
        return Reading(text, bool(chunks[-1].get("done")), error)

    def keepalives(self, body: bytes) -> int:
        return sum(len(line) - len(line.lstrip(b" ")) for line in body.splitlines())
