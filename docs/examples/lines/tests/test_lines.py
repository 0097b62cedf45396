import json

from heylook_core.testkit import DialectContract
from heylook_core.testkit.dialect_contract import Question, Reading


class TestLines(DialectContract):
    dialect = "lines"

    def question(self, text: str, model: str = "toy", stream: bool = False) -> Question:
        return Question("POST", "/lines/ask", {"model": model, "text": text, "stream": stream})

    def answer(self, body: bytes) -> str:
        return str(json.loads(body)["text"])

    def reading(self, body: bytes) -> Reading:
        lines = [json.loads(line) for line in body.splitlines() if line]
        text = "".join(line.get("text", "") for line in lines)
        return Reading(text, bool(lines[-1].get("done")), lines[-1].get("error"))

    def keepalives(self, body: bytes) -> int:
        return body.splitlines().count(b"")
