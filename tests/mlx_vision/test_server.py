"""Real clients, a real server, real (random) models that see: answers agree across dialects, placements and company."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import msgspec
import ollama
import openai
import pytest
from PIL import Image

from heylook_core.settings import ModelEntry
from heylook_core.testkit.answers import answer_of
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

pytestmark = pytest.mark.integration

QUESTION = "what is in the picture, and where?"


def file_of(colour: tuple[int, int, int], size: tuple[int, int] = (60, 90)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


RED, BLUE = file_of((255, 0, 0)), file_of((0, 0, 255), (120, 40))


def url(file: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


@pytest.fixture(scope="module")
def server(folder_of: Callable[[str], Path]) -> Iterator[LiveServer]:
    qwen, llava = folder_of("qwen2_vl"), folder_of("llava")
    models = (
        ModelEntry(id="eyes", provider="mlx", config={"model_path": str(qwen)}, placement="process"),
        ModelEntry(id="other", provider="mlx", config={"model_path": str(llava)}, placement="process"),
        ModelEntry(id="shut", provider="mlx", config={"model_path": str(qwen), "vision": False}, placement="process"),
        ModelEntry(
            id="wrong",
            provider="mlx",
            config={"model_path": str(qwen), "vision": True, "kv_bits": 8},
            placement="process",
        ),
    )
    wanted = msgspec.structs.replace(toy_settings(), models=models, default_model="eyes", max_loaded_models=3)
    with live_server(wanted) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=110) as client:
        yield client


def turn(text: str, *files: bytes) -> dict[str, Any]:
    images = [{"type": "image_url", "image_url": {"url": url(file)}} for file in files]
    return {"role": "user", "content": [*images, {"type": "text", "text": text}]}


def ask(
    http: httpx.Client, *messages: dict[str, Any], model: str = "eyes", **fields: Any
) -> tuple[str, dict[str, Any]]:
    body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 12, **fields}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["choices"][0]["message"]["content"], found["usage"]


class Told:
    """An answer with the scores of its tokens, for comparisons that rounding does not decide."""

    def __init__(self, http: httpx.Client, *messages: dict[str, Any], model: str) -> None:
        body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 12}
        found = http.post("/v1/chat/completions", json={**body, "logprobs": True, "top_logprobs": 2})
        assert found.status_code == 200, found.text
        (choice,) = found.json()["choices"]
        self.text = choice["message"]["content"]
        self.answer = answer_of(choice)
        self.first = choice["logprobs"]["content"][0]["logprob"]
        self.prompt = found.json()["usage"]["prompt_tokens"]
        self.cached = found.json()["usage"]["prompt_tokens_details"]["cached_tokens"]


def clear(http: httpx.Client) -> None:
    http.request("DELETE", "/v1/admin/cache").raise_for_status()


def test_clients_of_every_dialect_get_the_same_answer(server: LiveServer, http: httpx.Client):
    expected, _ = ask(http, turn(QUESTION, RED))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        messages: Any = [turn(QUESTION, RED)]
        stream = client.chat.completions.create(
            model="eyes", messages=messages, temperature=0, max_tokens=12, stream=True
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == expected
        parts: Any = [{"type": "input_image", "image_url": url(RED)}, {"type": "input_text", "text": QUESTION}]
        answer = client.responses.create(
            model="eyes", input=[{"role": "user", "content": parts}], temperature=0, max_output_tokens=12
        )
        assert answer.output_text == expected
    raw = turn(QUESTION)
    raw["content"].insert(0, {"type": "image_url", "image_url": {"url": "__RAW_IMAGE__"}})
    form = {"model": "eyes", "messages": msgspec.json.encode([raw]).decode(), "temperature": "0", "max_tokens": "12"}
    sent = http.post("/v1/chat/completions/multipart", data=form, files=[("images", ("a.png", RED))])
    assert sent.json()["choices"][0]["message"]["content"] == expected


def test_the_ollama_client_shows_images(server: LiveServer, http: httpx.Client):
    """Ollama's messages have the text first, then the images."""
    content = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": url(BLUE)}}]
    expected, _ = ask(http, {"role": "user", "content": content})
    with ollama.Client(server.url) as client:
        options = {"temperature": 0, "num_predict": 12}
        message = {"role": "user", "content": QUESTION, "images": [BLUE]}
        assert client.chat("eyes", [message], options=options).message.content == expected
        assert client.generate("eyes", QUESTION, images=[BLUE], options=options).response == expected


@pytest.mark.parametrize("model", ["eyes", "other"])
def test_requests_with_and_without_images_do_not_disturb_each_other(http: httpx.Client, model: str):
    asked = [
        (turn(QUESTION, RED),),
        (turn(QUESTION, BLUE),),
        (turn(QUESTION, RED, BLUE),),
        (turn(QUESTION),),
        (turn("and something else entirely, for longer than the rest of them"),),
        (turn("before", BLUE), {"role": "assistant", "content": "yes"}, turn("after", RED)),
    ]
    alone = []
    for messages in asked:
        clear(http)
        alone.append(Told(http, *messages, model=model))
    for one, other in combinations(alone, 2):
        assert abs(one.first - other.first) > 1e-4
    clear(http)
    with ThreadPoolExecutor(len(asked)) as pool:
        for _ in range(3):
            together = list(pool.map(lambda messages: Told(http, *messages, model=model), asked))
            assert [one.answer for one in together] == [one.answer for one in alone]


@pytest.mark.parametrize("model", ["eyes", "other"])
def test_a_conversation_reuses_its_picture(http: httpx.Client, model: str):
    clear(http)
    first = turn(QUESTION, RED)
    before = Told(http, first, model=model)
    assert before.cached == 0
    longer = (first, {"role": "assistant", "content": before.text}, turn("and what else?"))
    reused = Told(http, *longer, model=model)
    assert reused.cached >= before.prompt - 8
    clear(http)
    assert Told(http, *longer, model=model).answer == reused.answer
    other = (turn(QUESTION, BLUE), *longer[1:])
    changed = Told(http, *other, model=model)
    assert changed.cached < 8
    clear(http)
    assert Told(http, *other, model=model).answer == changed.answer


def test_several_answers_and_scores_about_one_picture(http: httpx.Client):
    expected, _ = ask(http, turn(QUESTION, RED))
    body = {"model": "eyes", "messages": [turn(QUESTION, RED)], "temperature": 0, "max_tokens": 12}
    answer = http.post("/v1/chat/completions", json={**body, "n": 3, "logprobs": True, "top_logprobs": 2})
    assert answer.status_code == 200, answer.text
    choices = answer.json()["choices"]
    assert [choice["message"]["content"] for choice in choices] == [expected] * 3
    assert all(len(choice["logprobs"]["content"]) > 0 for choice in choices)
    sampled = {**body, "temperature": 1.0, "seed": 5, "n": 2}
    first, second = (http.post("/v1/chat/completions", json=sampled).json()["choices"] for _ in range(2))
    assert [one["message"] for one in first] == [one["message"] for one in second]


def test_what_the_model_cannot_do_is_refused(http: httpx.Client):
    body = {"messages": [turn(QUESTION, RED)], "max_tokens": 4}
    answer = http.post("/v1/chat/completions", json={**body, "model": "shut"})
    assert (answer.status_code, "does not support images" in answer.json()["error"]["message"]) == (400, True)
    answer = http.post("/v1/chat/completions", json={**body, "model": "wrong"})
    assert answer.status_code == 503
    assert "vision: true cannot be combined" in answer.json()["error"]["message"]
    line = turn(QUESTION, file_of((1, 2, 3), (8000, 2)))
    answer = http.post("/v1/chat/completions", json={**body, "messages": [line], "model": "eyes"})
    assert (answer.status_code, "8000 x 2" in answer.json()["error"]["message"]) == (400, True)
    placeholder = turn("what is <|image_pad|>?", RED)
    answer = http.post("/v1/chat/completions", json={**body, "messages": [placeholder], "model": "eyes"})
    assert (answer.status_code, "<|image_pad|>" in answer.json()["error"]["message"]) == (400, True)


WITHOUT = """
import sys
sys.modules["mlx_vlm"] = None
from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_mlx.config import MlxConfig
from heylook_mlx.provider import MlxProvider
for vision in (None, False):
    try:
        model = MlxProvider(ModelSpec(id="m", provider="mlx"), MlxConfig(model_path=sys.argv[1], vision=vision)).load()
        print("loaded", "vision" in model.info.capabilities)
    except LoadFailed as error:
        print(error.message)
"""


def test_without_the_extra_the_error_names_it(folder_of: Callable[[str], Path]):
    command = [sys.executable, "-c", WITHOUT, str(folder_of("qwen2_vl"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    first, second = done.stdout.splitlines()
    assert "pip install 'heylook-mlx[vision]'" in first
    assert "vision: false" in first
    assert second == "loaded False"
