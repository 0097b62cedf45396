"""What clients of the Ollama API rely on, for `heylookllm conformance`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from heylook_core.dialect import Feature
from heylook_core.provider import Capability

# Every model says at least a dozen tokens to this; the scripted provider does what the text says.
SAID = "repeat 12 so"
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}, "ok": {"type": "boolean"}},
    "required": ["n", "ok"],
}
TOOL = {"type": "function", "function": {"name": "look", "description": "Look something up.", "parameters": SCHEMA}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # a PNG
COUNTED = {"total_duration", "load_duration", "prompt_eval_count", "eval_count", "eval_duration"}

Shown = Callable[[Sequence[Any]], object]


def features() -> list[Feature]:
    return [*_models(), *_chat(), *_constrained(), *_generate(), *_vectors()]


def _feature(name: str, path: str, right: Shown, wrong: str, *needs: Capability, **body: Any) -> Feature:
    """`right` looks at the answer's JSON objects: its lines, or the only one."""

    def shown(answer: bytes) -> str:
        return "" if right([json.loads(line) for line in answer.splitlines() if line.strip()]) else wrong

    return Feature(name=name, path=path, body={"model": "{model}", **body}, shown=shown, needs=needs)


def _chatted(name: str, right: Shown, wrong: str, *needs: Capability, **body: Any) -> Feature:
    fields = {"messages": [{"role": "user", "content": SAID}], "stream": False, "think": False, **body}
    return _feature(name, "/api/chat", right, wrong, *needs, **{"options": _options(5), **fields})


def _options(most: int, **more: Any) -> dict[str, Any]:
    return {"num_predict": most, "temperature": 0, **more}


def _models() -> list[Feature]:
    listed = Feature(
        name="models",
        path="/api/tags",
        method="GET",
        body={},
        shown=lambda body: "" if json.loads(body)["models"] else "None is listed.",
    )
    running = Feature(
        name="loaded models",
        path="/api/ps",
        method="GET",
        body={},
        shown=lambda body: "" if json.loads(body)["models"] else "None is listed.",
    )
    return [
        listed,
        running,
        _feature("card", "/api/show", lambda found: found[0]["details"]["format"], "It has no details."),
        _feature("load", "/api/generate", lambda found: found[0]["done_reason"] == "load", "It is not loaded."),
    ]


def _chat() -> list[Feature]:
    image = [{"role": "user", "content": "What is this?", "images": [PIXEL]}]
    begun = [{"role": "user", "content": SAID}, {"role": "assistant", "content": "so so"}]
    return [
        _chatted("chat", lambda found: found[0]["message"]["content"], "There is no text."),
        _chatted("counts and durations", lambda found: found[0].keys() >= COUNTED, "Some are missing."),
        _chatted("limit of tokens", lambda found: found[0]["eval_count"] == 5, "It is not kept."),
        _chatted("stream", _streamed, "It is not one text in pieces.", stream=True),
        _chatted("stop texts", _stopped, "One is in the answer.", options=_options(12, stop=["o"])),
        _chatted("log-probabilities", _scored, "Tokens have none.", "logprobs", logprobs=True, top_logprobs=2),
        _chatted("thinking", _answered, "No answer.", "reasoning", think=True),
        _chatted("thinking off", lambda found: "thinking" not in found[0]["message"], "It thinks."),
        _chatted("tools offered", _answered, "No answer.", "tools", tools=[TOOL]),
        _chatted("images", _answered, "No answer.", "vision", messages=image),
        _chatted("an answer that has begun", _answered, "No answer.", messages=begun),
    ]


def _streamed(found: Sequence[Any]) -> bool:
    *pieces, last = found
    spoken = any(piece["message"]["content"] for piece in pieces)
    return spoken and last["done"] is True and not any(piece["done"] for piece in pieces)


def _stopped(found: Sequence[Any]) -> bool:
    return "o" not in found[0]["message"]["content"]


def _answered(found: Sequence[Any]) -> bool:
    return found[0]["done"] is True and found[0]["message"]["role"] == "assistant"


def _scored(found: Sequence[Any]) -> bool:
    return all(len(token["top_logprobs"]) == 2 for token in found[0]["logprobs"]) and len(found[0]["logprobs"]) == 5


def _constrained() -> list[Feature]:
    plain: dict[str, Any] = {"options": _options(100)}
    return [
        _chatted("JSON schema", _in_schema, "The answer breaks it.", "schema", format=SCHEMA, **plain),
        _chatted("any JSON", _json, "The answer is none.", "schema", format="json", **plain),
    ]


def _in_schema(found: Sequence[Any]) -> bool:
    return set(json.loads(found[0]["message"]["content"])) == {"n", "ok"}


def _json(found: Sequence[Any]) -> bool:
    return isinstance(json.loads(found[0]["message"]["content"]), dict)


def _generate() -> list[Feature]:
    def asked(name: str, right: Shown, wrong: str, *needs: Capability, **body: Any) -> Feature:
        fields = {"prompt": SAID, "stream": False, "think": False, "options": _options(5), **body}
        return _feature(name, "/api/generate", right, wrong, *needs, **fields)

    return [
        asked("generate", lambda found: found[0]["response"], "There is no text."),
        asked("context", lambda found: found[0]["context"], "There is none."),
        asked("raw prompt", lambda found: found[0]["response"], "There is no text.", "completion", raw=True),
        asked("fill in the middle", lambda found: found[0]["done"], "No answer.", "fill_in_middle", suffix="is"),
    ]


def _vectors() -> list[Feature]:
    return [
        _feature("vectors", "/api/embed", _two_rows, "They are not two.", "embed", input=["so", "it is"]),
        _feature(
            "shortened vectors", "/api/embed", _eight, "It has another length.", "embed", input="so", dimensions=8
        ),
        _feature("one vector", "/api/embeddings", lambda found: found[0]["embedding"], "None.", "embed", prompt="so"),
    ]


def _two_rows(found: Sequence[Any]) -> bool:
    return len(found[0]["embeddings"]) == 2 and found[0]["load_duration"] > 0


def _eight(found: Sequence[Any]) -> bool:
    return len(found[0]["embeddings"][0]) == 8
