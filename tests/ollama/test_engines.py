"""The demo model through the official client, on every engine that is installed."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import ollama
import pytest

from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

pytestmark = pytest.mark.integration

demo = pytest.importorskip("heylook_demo_model")
prompts = pytest.importorskip("heylook_demo_model.prompts")

ENGINES = {"mlx": "heylook_mlx", "gguf": "heylook_gguf"}
GREEDY = {"temperature": 0}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def parameters() -> int:
    """As many as the header of the demo model's safetensors file counts."""
    data = (demo.mlx_path() / "model.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    if importlib.util.find_spec(ENGINES[request.param]) is None:
        pytest.skip(f"{ENGINES[request.param]} is not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def server(engine: str) -> Iterator[LiveServer]:
    path = demo.mlx_path() if engine == "mlx" else demo.gguf_path()
    config: dict[str, Any] = {"model_path": str(path)}
    if engine == "gguf":
        config["n_ctx"] = 2048
    settings = toy_settings(server={"load_timeout": 60.0})
    models = (ModelEntry(id="demo", provider=engine, config=config, placement="thread"),)
    with live_server(msgspec.structs.replace(settings, models=models, default_model="demo")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[ollama.Client]:
    with ollama.Client(server.url) as made:
        yield made


def turns(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages in Ollama's form: arguments as objects, and no ids."""
    found = []
    for message in messages:
        calls = [
            {"function": {"name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}}
            for call in message.get("tool_calls", ())
        ]
        kept = {"role": message["role"], "content": message["content"]}
        found.append(kept | {"tool_calls": calls} if calls else kept)
    return found


def one_of(skill: str) -> Any:
    return prompts.proven(skill)[0]


@pytest.mark.parametrize("skill", ["documentation", "fact", "recall", "system", "count", "tool_result"])
def test_known_answers_come_whole_and_streamed(client: Any, skill: str):
    prompt = one_of(skill)
    fields: dict[str, Any] = {
        "messages": turns(prompt.messages),
        "tools": prompt.tools,
        "think": False,
        "options": GREEDY,
    }
    whole = client.chat("demo", **fields)
    assert whole.message.content == prompt.answer
    assert whole.done_reason == "stop"
    chunks = list(client.chat("demo", **fields, stream=True))
    assert "".join(chunk.message.content or "" for chunk in chunks) == prompt.answer
    assert chunks[-1].prompt_eval_count == whole.prompt_eval_count
    assert chunks[-1].eval_count == whole.eval_count
    assert (chunks[-1].eval_duration or 0) > 0


def test_generate_uses_the_models_template(client: Any):
    prompt = one_of("fact")
    answer = client.generate("demo", prompt.messages[0]["content"], think=False, options=GREEDY)
    assert answer.response == prompt.answer


def test_tool_is_called_with_an_object(client: Any):
    prompt = one_of("tool_call")
    expected = json.loads(prompt.answer.removeprefix("<tool_call>").removesuffix("</tool_call>"))
    for stream in (False, True):
        found = client.chat(
            "demo", turns(prompt.messages), tools=prompt.tools, think=False, options=GREEDY, stream=stream
        )
        answers = list(found) if stream else [found]
        [call] = [call for answer in answers for call in answer.message.tool_calls or ()]
        assert (call.function.name, dict(call.function.arguments)) == (expected["name"], expected["arguments"])
        assert not "".join(answer.message.content or "" for answer in answers).strip()
        assert answers[-1].done_reason == "stop"


def test_thinking_is_apart_and_is_the_default(client: Any):
    prompt = one_of("thinking")
    thought, _, said = prompt.answer.removeprefix("<think>\n").partition("\n</think>\n\n")
    for fields in ({"think": True}, {}):
        message = client.chat("demo", prompt.messages, options=GREEDY, **fields).message
        assert ((message.thinking or "").strip(), (message.content or "").strip()) == (thought, said)


def test_schema_is_kept_to(client: Any):
    prompt = one_of("json")
    answer = client.chat("demo", prompt.messages, format=SCHEMA, think=False, options=GREEDY).message.content or ""
    assert json.loads(answer).keys() == {"name", "age"}
    forced: Any = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
    forced |= {"additionalProperties": False}
    other = client.chat("demo", [{"role": "user", "content": "What is heylook?"}], format=forced, think=False)
    assert isinstance(json.loads(other.message.content or "")["yes"], bool)


def test_embeddings_are_of_unit_length(client: Any):
    if "embedding" not in (client.show("demo").capabilities or ()):
        client.generate("demo", "")
    if "embedding" not in (client.show("demo").capabilities or ()):
        pytest.skip("this engine makes no embeddings")
    one, two, again = client.embed("demo", ["a plugin", "the capital of France", "a plugin"]).embeddings
    assert list(one) == pytest.approx(list(again), abs=1e-3)
    assert sum(value * value for value in one) == pytest.approx(1, abs=1e-3)
    assert list(one) != list(two)


def test_card_and_list_tell_what_the_files_and_the_model_say(client: Any, engine: str):
    client.generate("demo", "")
    card = client.show("demo")
    info: Any = card.modelinfo
    assert info["general.architecture"] == "llama"
    assert info["llama.context_length"] == 2048
    assert info["general.parameter_count"] == parameters()
    assert {"completion", "tools", "thinking"} <= set(card.capabilities or ())
    assert card.template
    details: Any = card.details
    assert (details.format, details.parameter_size, details.quantization_level) == (
        {"mlx": "safetensors", "gguf": "gguf"}[engine],
        f"{parameters() / 1e6:.1f}M",
        "F16",
    )
    [listed] = client.list().models
    [running] = client.ps().models
    assert (listed.model, running.model) == ("demo:latest", "demo:latest")
    assert listed.digest == running.digest
    assert (listed.size or 0) > 6_000_000
    assert (running.size or 0) > 6_000_000
    assert running.context_length == 2048


def test_keep_alive_unloads_and_loads_again(client: Any):
    prompt = one_of("fact")
    assert client.generate("demo", "", keep_alive=0).done_reason == "unload"
    assert client.ps().models == []
    answer = client.chat("demo", prompt.messages, think=False, options=GREEDY, keep_alive=-1)
    assert answer.message.content == prompt.answer
    assert (answer.load_duration or 0) > 0
    assert len(client.ps().models) == 1


def test_both_apis_give_one_text_and_equal_counts(server: LiveServer):
    prompt = one_of("documentation")
    openai = {"model": "demo", "messages": prompt.messages, "temperature": 0, "max_tokens": 24}
    openai["chat_template_kwargs"] = {"enable_thinking": False}
    options = {**GREEDY, "num_predict": 24}
    body = {"model": "demo", "messages": prompt.messages, "options": options, "think": False, "stream": False}
    one = httpx.post(f"{server.url}/v1/chat/completions", json=openai, timeout=60).json()
    other = httpx.post(f"{server.url}/api/chat", json=body, timeout=60).json()
    assert one["choices"][0]["message"]["content"] == other["message"]["content"] == prompt.answer
    assert one["usage"]["prompt_tokens"] == other["prompt_eval_count"]
    assert one["usage"]["completion_tokens"] == other["eval_count"]
