"""POST /api/chat and /api/generate: what is asked reaches the model, and what cannot be done is refused."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.ollama.conftest import lines_of

pytestmark = pytest.mark.integration


def image(kind: str) -> bytes:
    """A red file of 3 x 2 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (255, 0, 0)).save(file, kind)
    return file.getvalue()


PNG, JPEG, BMP = image("PNG"), image("JPEG"), image("BMP")
WAV = b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def seen(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    """The neutral request that the model was given."""
    messages = fields.pop("messages", [{"role": "user", "content": "show"}])
    answer = http.post("/api/chat", json={"model": "caller", "messages": messages, "stream": False, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.json()["message"]["content"])
    return found


def refused(http: httpx.Client, model: str = "caller", **fields: Any) -> str:
    messages = [{"role": "user", "content": "show"}]
    answer = http.post("/api/chat", json={"model": model, "messages": messages, **fields})
    assert answer.status_code == 400
    return str(answer.json()["error"])


def test_a_last_message_of_the_assistant_is_gone_on_from(http: httpx.Client):
    asked = {"role": "user", "content": "show"}
    begun = {"role": "assistant", "content": "show is"}
    assert seen(http, messages=[asked, begun])["continues"] is True
    assert seen(http, messages=[begun, asked])["continues"] is False
    rendered = http.post("/api/chat", json={"model": "toy", "messages": [asked, begun], "_debug_render_only": True})
    assert rendered.json()["_debug_info"]["rendered_template"].endswith("<|start|>assistant\nshow is")


# ------------------------------------------------------------------ options


def test_options_reach_the_model_and_ollamas_defaults_come_last(http: httpx.Client):
    options = {
        "temperature": 0,
        "top_k": 7.0,
        "top_p": 0.5,
        "min_p": 0.1,
        "typical_p": 0.9,
        "repeat_penalty": 1.1,
        "repeat_last_n": -1,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
        "seed": 42,
        "num_predict": 9.0,
        "num_ctx": 2048.0,
        "num_keep": 5,
        "stop": ["END\n"],
    }
    request = seen(http, options=options)
    sampling = {key: value for key, value in request["sampling"].items() if value is not None}
    assert sampling == {
        "temperature": 0,
        "top_k": 7,
        "top_p": 0.5,
        "min_p": 0.1,
        "typical_p": 0.9,
        "repetition_penalty": 1.1,
        "repetition_window": -1,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
        "seed": 42,
    }
    assert (request["max_tokens"], request["context"], request["stop"]) == (9, 2048, ["END\n"])
    assert request["overflow"] == {"drop_messages": True, "cut_tokens": True, "keep": 5}
    assert request["defaults"]["temperature"] == 0.8
    assert request["defaults"]["top_k"] == 40
    assert request["defaults"]["top_p"] == 0.9


def test_larger_num_ctx_is_clamped_and_said_and_does_not_load_anew(http: httpx.Client):
    http.post("/api/chat", json={"model": "toy", "messages": []})
    body = {"model": "toy", "prompt": "[toy:say=x]", "stream": False, "options": {"num_ctx": 1 << 20}}
    answer = http.post("/api/generate", json=body)
    assert "2048" in answer.headers["x-heylook-warning"]
    assert answer.json()["load_duration"] < 1_000_000_000
    [running] = [model for model in http.get("/api/ps").json()["models"] if model["name"] == "toy:latest"]
    assert running["context_length"] == 2048


def test_smaller_num_ctx_bounds_prompt_and_answer(http: httpx.Client):
    body = {"model": "toy", "prompt": "hello", "raw": True, "stream": False, "options": {"num_ctx": 12}}
    answer = http.post("/api/generate", json=body).json()
    assert answer["prompt_eval_count"] + answer["eval_count"] == 12
    assert answer["done_reason"] == "length"


def test_options_without_effect_are_told_and_ignored(http: httpx.Client):
    options = {"mirostat": 2, "num_gpu": 33, "evil\r\nname": 1, "\u00e9": 1, "num_thread": None}
    body = {"model": "toy", "prompt": "[toy:say=x]", "stream": False, "options": options}
    warning = http.post("/api/generate", json=body).headers["x-heylook-warning"]
    assert "'mirostat' has no effect: it is not known here" in warning
    assert "'num_gpu' has no effect: it is set in models.yaml" in warning
    assert "evil\\r\\nname" in warning
    assert "num_thread" not in warning


# ------------------------------------------------------------------ think, format, tools


@pytest.mark.parametrize(
    ("think", "thinking"),
    [
        (None, {"enabled": True, "effort": None}),
        (True, {"enabled": True, "effort": None}),
        (False, {"enabled": False, "effort": None}),
        ("low", {"enabled": True, "effort": "low"}),
        ("max", {"enabled": True, "effort": "max"}),
    ],
)
def test_think_and_its_levels_reach_a_model_that_thinks(http: httpx.Client, think: Any, thinking: dict[str, Any]):
    assert seen(http, think=think)["thinking"] == {**thinking, "budget": None}


def test_thinking_is_in_a_field_of_its_own(http: httpx.Client):
    body = {"model": "caller", "messages": [{"role": "user", "content": "x"}], "think": True, "stream": False}
    message = http.post("/api/chat", json=body).json()["message"]
    assert message == {"role": "assistant", "content": "Let me see.", "thinking": "First I think."}
    generated = http.post("/api/generate", json={"model": "caller", "prompt": "x", "stream": False}).json()
    assert (generated["response"], generated["thinking"]) == ("Let me see.", "First I think.")
    lines = lines_of(http.post("/api/generate", json={"model": "caller", "prompt": "x"}))
    assert "".join(line.get("thinking", "") for line in lines) == "First I think."
    assert "".join(line["response"] for line in lines) == "Let me see."


def test_thinking_of_a_model_that_cannot_is_refused_and_silence_is_not(http: httpx.Client):
    assert refused(http, "plain", think=True) == '"plain" does not support thinking'
    assert refused(http, "plain", think="high") == '"plain" does not support thinking'
    for think in (None, False):
        body = {"model": "plain", "messages": [{"role": "user", "content": "x"}], "think": think}
        assert http.post("/api/chat", json=body).status_code == 200
    assert "invalid think value" in refused(http, think="loud")


def test_format_is_json_a_schema_or_nothing(http: httpx.Client):
    assert seen(http, format="json")["format"]["kind"] == "json"
    found = seen(http, format=SCHEMA)["format"]
    assert (found["kind"], found["schema"]) == ("schema", SCHEMA)
    for nothing in ("", None):
        assert seen(http, format=nothing)["format"] is None
    assert "invalid format" in refused(http, format="xml")
    assert "invalid format" in refused(http, format=["json"])
    assert "does not support" in refused(http, "plain", format="json")


def test_tools_reach_the_model_and_one_without_the_ability_refuses(http: httpx.Client):
    [tool] = seen(http, tools=[TOOL])["tools"]
    assert (tool["name"], tool["parameters"]) == ("add", {"type": "object", "properties": {}})
    assert "does not support tools" in refused(http, "plain", tools=[TOOL])
    assert seen(http, tools=[])["tools"] == []


def test_call_whose_arguments_are_no_object_is_given_back_as_text(http: httpx.Client):
    body = {"model": "caller", "messages": [{"role": "user", "content": "badcall"}], "think": False}
    whole = http.post("/api/chat", json={**body, "stream": False}).json()["message"]
    assert whole == {"role": "assistant", "content": 'add({"n": )'}
    lines = lines_of(http.post("/api/chat", json=body))
    assert "".join(line["message"]["content"] for line in lines) == 'add({"n": )'


def test_logprobs_come_with_their_text_best_first(http: httpx.Client):
    body = {"model": "caller", "messages": [{"role": "user", "content": "x"}], "logprobs": True, "top_logprobs": 2.0}
    expected = {
        "token": "Let me ",
        "logprob": -0.5,
        "bytes": list(b"Let me "),
        "top_logprobs": [
            {"token": "Let me ", "logprob": -0.5, "bytes": list(b"Let me ")},
            {"token": "x", "logprob": -2.0, "bytes": [120]},
        ],
    }
    assert http.post("/api/chat", json={**body, "stream": False}).json()["logprobs"] == [expected]
    streamed = [one for line in lines_of(http.post("/api/chat", json=body)) for one in line.get("logprobs", ())]
    assert streamed == [expected]
    assert refused(http, logprobs=True, top_logprobs=21) == "top_logprobs must be between 0 and 20"


# ------------------------------------------------------------------ images


def test_images_are_recognised_with_and_without_a_data_url(http: httpx.Client):
    images = [text(PNG), f"data:image/png;base64,{text(JPEG)}", text(WAV), text(BMP)]
    [message] = seen(http, messages=[{"role": "user", "content": "show", "images": images}])["messages"]
    assert [part["type"] for part in message["content"]] == ["text", "image", "image", "audio", "image"]
    pictures = [part["picture"] for part in message["content"] if part["type"] == "image"]
    assert [picture[:3] for picture in pictures] == [[3, 2, 3]] * 3
    assert base64.b64decode(pictures[0][4]) == bytes([255, 0, 0]) * 6
    assert message["content"][3]["format"] == "wav"


@pytest.mark.parametrize("image", ["not base64!", "aGVsbG8gd29ybGQ=", "", "AAA", "http://x.test/y.png"])
def test_bad_images_are_refused_by_their_place(http: httpx.Client, image: str):
    messages = [{"role": "user", "content": "x", "images": [image]}]
    answer = http.post("/api/chat", json={"model": "caller", "messages": messages})
    assert answer.status_code == 400
    assert "messages[0].images[0]" in answer.json()["error"]


def test_model_without_eyes_refuses_images(http: httpx.Client):
    messages = [{"role": "user", "content": "x", "images": [text(PNG)]}]
    answer = http.post("/api/chat", json={"model": "plain", "messages": messages})
    assert (answer.status_code, "does not support images" in answer.json()["error"]) == (400, True)


# ------------------------------------------------------------------ generate


def test_generate_goes_through_the_template_unless_raw(http: httpx.Client):
    body = {"model": "toy", "prompt": "hello", "system": "be brief", "_debug_render_only": True}
    rendered = http.post("/api/generate", json={**body, "think": False}).json()["_debug_info"]["rendered_template"]
    assert rendered == "<|start|>system\nbe brief<|end|>\n<|start|>user\nhello<|end|>\n<|start|>assistant\n"
    raw = http.post("/api/generate", json={"model": "toy", "prompt": "hello", "raw": True, "stream": False}).json()
    assert raw["prompt_eval_count"] == len("hello")
    assert "context" not in raw


def test_context_carries_the_conversation_on(http: httpx.Client):
    first = {"model": "toy", "prompt": "[toy:say=one]", "system": "s", "think": False, "stream": False}
    context = http.post("/api/generate", json=first).json()["context"]
    assert context
    assert all(isinstance(number, int) for number in context)
    streamed = lines_of(http.post("/api/generate", json={**first, "stream": True}))[-1]["context"]
    assert streamed == context
    second = {"model": "toy", "prompt": "two", "context": context, "think": False, "_debug_render_only": True}
    rendered = http.post("/api/generate", json=second).json()["_debug_info"]["rendered_template"]
    turns = [turn.split("<|end|>")[0] for turn in rendered.split("<|start|>")[1:]]
    assert turns == ["system\ns", "user\n[toy:say=one]", "assistant\none", "user\ntwo", "assistant\n"]


@pytest.mark.parametrize("context", [[1, 2, 3], [23624044], [23624044, -1], [23624044, 1 << 40]])
def test_context_of_another_server_is_refused(http: httpx.Client, context: list[int]):
    answer = http.post("/api/generate", json={"model": "toy", "prompt": "x", "context": context})
    assert (answer.status_code, "`context`" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"raw": True, "system": "s"}, "raw mode does not support template, system, or context"),
        ({"template": "{{ .Prompt }}"}, "template"),
        ({"suffix": "end"}, "does not support"),
        ({"raw": True, "images": [text(PNG)]}, "raw"),
    ],
)
def test_what_generate_cannot_do_is_refused(http: httpx.Client, fields: dict[str, Any], words: str):
    answer = http.post("/api/generate", json={"model": "toy", "prompt": "x", **fields})
    assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.text


def test_empty_fields_that_clients_always_send_change_nothing(http: httpx.Client):
    """ollama-python and LangChain send these."""
    empty = {"suffix": "", "system": "", "template": "", "context": [], "raw": False, "images": [], "format": ""}
    body = {"model": "toy", "prompt": "[toy:say=hi]", "stream": False, "think": False, **empty}
    assert http.post("/api/generate", json=body).json()["response"] == "hi"


# ------------------------------------------------------------------ too long


def test_long_chat_loses_its_oldest_turns_and_says_so(http: httpx.Client):
    talk = [
        {"role": "system", "content": "be brief"},
        *({"role": role, "content": role[0] * 100} for role in ("user", "assistant") * 10),
        {"role": "user", "content": "[toy:say=fits]"},
    ]
    body = {"model": "toy", "messages": talk, "stream": False, "think": False, "options": {"num_ctx": 500}}
    answer = http.post("/api/chat", json=body)
    assert answer.json()["message"]["content"] == "fits"
    assert answer.json()["prompt_eval_count"] < 500
    assert "oldest messages were left out" in answer.headers["x-heylook-warning"]
    streamed = http.post("/api/chat", json={**body, "stream": True})
    assert "oldest messages were left out" in streamed.headers["x-heylook-warning"]
    refusal = http.post("/api/chat", json={**body, "truncate": False})
    assert refusal.status_code == 400
    assert "maximum context length is 500" in refusal.json()["error"]


def test_long_prompt_is_cut_unless_shift_is_off(http: httpx.Client):
    body = {"model": "toy", "prompt": "word " * 100, "stream": False, "options": {"num_ctx": 100}}
    answer = http.post("/api/generate", json=body)
    assert answer.json()["prompt_eval_count"] == 49
    assert "tokens were cut out" in answer.headers["x-heylook-warning"]
    assert http.post("/api/generate", json={**body, "shift": False}).status_code == 400


# ------------------------------------------------------------------ load and unload


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_empty_request_loads_and_zero_unloads_in_one_object(http: httpx.Client, path: str):
    def loaded() -> bool:
        return "scripted:latest" in [model["name"] for model in http.get("/api/ps").json()["models"]]

    answer = http.post(path, json={"model": "scripted", "stream": True})
    assert answer.headers["content-type"].startswith("application/json")
    assert (answer.json()["done"], answer.json()["done_reason"], loaded()) == (True, "load", True)
    answer = http.post(path, json={"model": "scripted", "keep_alive": "0s"})
    assert (answer.json()["done_reason"], loaded()) == ("unload", False)
