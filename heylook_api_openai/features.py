"""What clients of the OpenAI API rely on, for `heylookllm conformance`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from heylook_core.dialect import Feature
from heylook_core.provider import Capability

# Every model says at least a dozen tokens to one of these; the scripted provider does what the text says.
MESSAGES = [{"role": "user", "content": "repeat 12 so"}]
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}, "ok": {"type": "boolean"}},
    "required": ["n", "ok"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "look", "description": "Look something up.", "parameters": SCHEMA}}
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="


def features() -> list[Feature]:
    return [*_chat(), *_constrained(), *_batches(), *_completions(), *_vectors_and_tokens(), *_responses()]


def _feature(
    name: str, path: str, shown: Callable[[bytes], str], *needs: Capability, method: str = "POST", **body: Any
) -> Feature:
    full = {"model": "{model}", **body}
    return Feature(name=name, path=path, body=full, shown=shown, needs=needs, method=method)


def _asked(name: str, shown: Callable[[bytes], str], *needs: Capability, **body: Any) -> Feature:
    fields = {"messages": MESSAGES, "max_tokens": 5, "temperature": 0, **body}
    return _feature(name, "/v1/chat/completions", shown, *needs, **fields)


def _that(holds: Callable[[Any], object], wrong: str) -> Callable[[bytes], str]:
    """Looks at the JSON of a whole answer."""
    return lambda body: "" if holds(json.loads(body)) else wrong


def _chunks(body: bytes) -> list[Any]:
    """The JSON of every event of a stream."""
    lines = [line for line in body.split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line.removeprefix(b"data: ")) for line in lines]


def _chat() -> list[Feature]:
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    text = {"type": "text", "text": "What is this?"}
    return [
        _feature(
            "models", "/v1/models/{model}", _that(lambda found: found["loaded"], "It is not loaded."), method="GET"
        ),
        _asked("chat", _that(lambda found: found["choices"][0]["message"]["content"], "There is no text.")),
        _asked("limit of tokens", _that(lambda found: found["usage"]["completion_tokens"] == 5, "It is not kept.")),
        _asked("stream", _streamed, stream=True),
        _asked("usage in streams", _usage_streamed, stream=True, stream_options={"include_usage": True}),
        _asked("stop texts", _that(_stopped, "The stop text is in the answer."), max_tokens=12, stop=["o"]),
        _asked("several answers", _that(lambda found: len(found["choices"]) == 2, "There are not two."), n=2),
        _asked("log-probabilities", _that(_scored, "Tokens have none."), "logprobs", logprobs=True, top_logprobs=2),
        _asked("thinking", _that(lambda found: found["choices"], "No answer."), "reasoning", reasoning_effort="low"),
        _asked("thinking off", _that(lambda found: found["choices"], "No answer."), reasoning_effort="none"),
        _asked("images", _that(lambda found: found["choices"], "No answer."), "vision", messages=_user([text, image])),
        _asked("audio", _that(lambda found: found["choices"], "No answer."), "audio", messages=_user([text, sound])),
        _asked("performance", _that(lambda found: found["performance"], "No figures."), include_performance=True),
    ]


def _user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def _streamed(body: bytes) -> str:
    if not body.endswith(b"data: [DONE]\n\n"):
        return "The stream does not end with [DONE]."
    deltas = [chunk["choices"][0]["delta"] for chunk in _chunks(body)]
    return "" if any(delta.get("content") for delta in deltas) else "There is no text."


def _usage_streamed(body: bytes) -> str:
    last = _chunks(body)[-1]
    return "" if last["choices"] == [] and last["usage"]["completion_tokens"] == 5 else "The last chunk has no usage."


def _stopped(found: Any) -> bool:
    return "o" not in found["choices"][0]["message"]["content"]


def _scored(found: Any) -> bool:
    tokens = found["choices"][0]["logprobs"]["content"]
    return len(tokens) == 5 and all(len(token["top_logprobs"]) == 2 for token in tokens)


def _constrained() -> list[Feature]:
    """Without thinking, which would come before the constraint begins."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    named = {"type": "function", "function": {"name": "look"}}
    plain: dict[str, Any] = {"max_tokens": 100, "reasoning_effort": "none"}
    calls: dict[str, Any] = {"tools": [TOOL], **plain}
    return [
        _asked("JSON schema", _that(_in_schema, "The answer breaks it."), "schema", response_format=schema, **plain),
        _asked("choice", _that(_chosen, "It is none of them."), "schema", guided_choice=["yes", "no"], **plain),
        _asked("tools offered", _that(lambda found: found["choices"], "No answer."), "tools", **calls),
        _asked("required call", _that(_called, "No call."), "tools", "schema", tool_choice="required", **calls),
        _asked("named call", _that(_called, "No call."), "tools", "schema", tool_choice=named, **calls),
    ]


def _in_schema(found: Any) -> bool:
    return set(json.loads(found["choices"][0]["message"]["content"])) == {"n", "ok"}


def _chosen(found: Any) -> bool:
    return found["choices"][0]["message"]["content"] in ("yes", "no")


def _called(found: Any) -> bool:
    (call,) = found["choices"][0]["message"]["tool_calls"]
    return set(json.loads(call["function"]["arguments"])) == {"n", "ok"}


def _batches() -> list[Feature]:
    two = [{"role": "user", "content": "say one"}, {"role": "user", "content": "say two"}]
    right = _that(lambda found: found["batch_info"]["successful"] == 2, "Not every group succeeded.")
    modes = ("sequential", "sequential_with_context", "parallel", "parallel_with_context")
    return [_asked(f"batch: {mode}", right, messages=two, processing_mode=mode) for mode in modes]


def _completions() -> list[Feature]:
    def asked(name: str, shown: Callable[[bytes], str], *needs: Capability, **body: Any) -> Feature:
        return _feature(name, "/v1/completions", shown, "completion", *needs, **{"max_tokens": 3, **body})

    echoed = _that(lambda found: found["choices"][0]["text"].startswith("so it is"), "The prompt is not there.")
    first = _that(lambda found: found["choices"][0]["logprobs"]["token_logprobs"][0] is None, "The first has a score.")
    text = _that(lambda found: found["choices"], "No answer.")
    two = _that(lambda found: [choice["index"] for choice in found["choices"]] == [0, 1], "There are not two.")
    return [
        asked("completion", text, prompt="so it is"),
        asked("several prompts", two, prompt=["so", "it"]),
        asked(
            "prompt of tokens",
            _that(lambda found: found["usage"]["prompt_tokens"] == 3, "Not three."),
            prompt=[5, 6, 7],
        ),
        asked("echo", echoed, prompt="so it is", echo=True),
        asked(
            "prompt scored",
            first,
            "prompt_logprobs",
            "logprobs",
            prompt="so it is",
            echo=True,
            logprobs=1,
            max_tokens=0,
        ),
        asked("fill in the middle", text, "fill_in_middle", prompt="so", suffix="is"),
    ]


def _vectors_and_tokens() -> list[Feature]:
    encoded = _that(lambda found: base64.b64decode(found["data"][0]["embedding"]), "It is not base64.")
    short = _that(lambda found: len(found["data"][0]["embedding"]) == 8, "It has another length.")
    numbers = _that(lambda found: len(found["data"]) == 2, "There are not two.")
    return [
        _feature("embeddings", "/v1/embeddings", numbers, "embed", input=["so", "it is"]),
        _feature("embeddings in base64", "/v1/embeddings", encoded, "embed", input="so", encoding_format="base64"),
        _feature("shortened embeddings", "/v1/embeddings", short, "embed", input="so", dimensions=8),
        _feature(
            "tokenize", "/tokenize", _that(lambda found: found["tokens"], "None."), "completion", prompt="so it is"
        ),
        _feature(
            "detokenize", "/detokenize", _that(lambda found: found["content"], "None."), "completion", tokens=[20, 21]
        ),
    ]


def _responses() -> list[Feature]:
    done = _that(lambda found: found["status"] in ("completed", "incomplete"), "It is not complete.")
    asked: dict[str, Any] = {"input": "repeat 12 so", "max_output_tokens": 5}
    return [
        _feature("response", "/v1/responses", done, **asked),
        _feature("streamed response", "/v1/responses", _response_streamed, stream=True, **asked),
    ]


def _response_streamed(body: bytes) -> str:
    kinds = [chunk["type"] for chunk in _chunks(body)]
    return "" if (kinds[0], kinds[-1]) == ("response.created", "response.incomplete") else f"It is {kinds}."
