"""A model behind the server as the probe sees it: plain HTTP, and the shapes that have to hold."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import httpx


class Streamed(NamedTuple):
    """A stream as a client reads it: its chunks without `[DONE]`, and whether that came last."""

    content_type: str
    chunks: list[dict[str, Any]]
    done: bool

    @property
    def choices(self) -> list[dict[str, Any]]:
        return [chunk["choices"][0] for chunk in self.chunks if chunk["choices"]]


class Subject:
    """`text` makes this model say at least a dozen tokens."""

    def __init__(self, http: httpx.Client, model: str, text: str) -> None:
        self.http = http
        self.model = model
        self.messages = [{"role": "user", "content": text}]
        self.post("/chat/completions", messages=self.messages, max_tokens=1)
        self.row: dict[str, Any] = http.get(f"/v1/models/{model}").json()

    def can(self, capability: str) -> bool:
        return capability in self.row["capabilities"]

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1{path}", json={"model": self.model, **body})

    def chat(self, **fields: Any) -> dict[str, Any]:
        answer = self.post("/chat/completions", **{"messages": self.messages, "max_tokens": 5, **fields})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def choice(self, **fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.chat(**fields)["choices"][0]
        return found

    def stream(self, path: str = "/chat/completions", **fields: Any) -> Streamed:
        body = {"model": self.model, "max_tokens": 5, "stream": True, **fields}
        if path == "/chat/completions":
            body.setdefault("messages", self.messages)
        with self.http.stream("POST", f"/v1{path}", json=body) as answer:
            lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
        assert answer.status_code == 200
        chunks = [json.loads(line) for line in lines if line != "[DONE]"]
        return Streamed(answer.headers["content-type"], chunks, lines[-1] == "[DONE]")

    def works(self, capability: str, path: str, **body: Any) -> dict[str, Any] | None:
        """The answer of a model with the capability. One without it has to refuse, by name; then None."""
        answer = self.post(path, **body)
        if self.can(capability):
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found
        assert refusal(answer) == 400
        assert answer.json()["error"]["code"] == "unsupported_value"
        return None


def refusal(answer: httpx.Response) -> int:
    """The status of an error, whose shape is checked."""
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"].strip()
    assert isinstance(error["type"], str)
    return answer.status_code
