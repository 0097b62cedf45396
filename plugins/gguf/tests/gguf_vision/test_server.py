"""Real clients, a real server, models that see: answers agree across dialects, placements and company."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Any

import httpx
import msgspec
import pytest

ollama = pytest.importorskip("ollama")
openai = pytest.importorskip("openai")
Image = pytest.importorskip("PIL.Image")

from heylook_core.settings import ModelEntry  # noqa: E402
from heylook_core.testkit.answers import answer_of  # noqa: E402
from heylook_core.testkit.server import LiveServer, live_server, toy_settings  # noqa: E402

pytestmark = pytest.mark.integration

QUESTION = "what is in the picture, and where?"
MODELS = ("plane", "once")


def file_of(colour: tuple[int, int, int], size: tuple[int, int] = (60, 90)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


RED, BLUE = file_of((255, 0, 0)), file_of((0, 0, 255), (120, 40))


def url(file: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


def turn(text: str, *files: bytes) -> dict[str, Any]:
    images = [{"type": "image_url", "image_url": {"url": url(file)}} for file in files]
    return {"role": "user", "content": [*images, {"type": "text", "text": text}]}


@pytest.fixture(scope="module")
def server(files: Callable[[str], dict[str, str]]) -> Iterator[LiveServer]:
    exact = {"n_ctx": 1024, "n_threads": 1, "flash_attn": False, "n_gpu_layers": 0, "type_k": "f32", "type_v": "f32"}
    entries = [
        ("plane", {**files("qwen2vl")}, "process"),
        ("once", {**files("gemma3")}, "thread"),
        ("shut", {**files("gemma3"), "vision": False}, "thread"),
        ("wrong", {**files("gemma3"), "mmproj_path": files("gemma3")["model_path"]}, "thread"),
    ]
    models = tuple(
        ModelEntry(id=name, provider="gguf", config={**exact, **config}, placement=placement)  # type: ignore[arg-type]
        for name, config, placement in entries
    )
    wanted = msgspec.structs.replace(toy_settings(), models=models, default_model="plane", max_loaded_models=3)
    with live_server(wanted) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=110) as client:
        yield client


def ask(
    http: httpx.Client, *messages: dict[str, Any], model: str = "plane", **fields: Any
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


def test_clients_of_every_dialect_get_the_same_answer(server: LiveServer, http: httpx.Client) -> None:
    expected, _ = ask(http, turn(QUESTION, RED))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        messages: Any = [turn(QUESTION, RED)]
        stream = client.chat.completions.create(
            model="plane", messages=messages, temperature=0, max_tokens=12, stream=True
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == expected
        parts: Any = [{"type": "input_image", "image_url": url(RED)}, {"type": "input_text", "text": QUESTION}]
        answer = client.responses.create(
            model="plane", input=[{"role": "user", "content": parts}], temperature=0, max_output_tokens=12
        )
        assert answer.output_text == expected
    raw = turn(QUESTION)
    raw["content"].insert(0, {"type": "image_url", "image_url": {"url": "__RAW_IMAGE__"}})
    form = {"model": "plane", "messages": msgspec.json.encode([raw]).decode(), "temperature": "0", "max_tokens": "12"}
    sent = http.post("/v1/chat/completions/multipart", data=form, files=[("images", ("a.png", RED))])
    assert sent.json()["choices"][0]["message"]["content"] == expected


def test_the_ollama_client_shows_images(server: LiveServer, http: httpx.Client) -> None:
    """Ollama's messages have the text first, then the images."""
    content = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": url(BLUE)}}]
    expected, _ = ask(http, {"role": "user", "content": content})
    with ollama.Client(server.url) as client:
        options = {"temperature": 0, "num_predict": 12}
        message = {"role": "user", "content": QUESTION, "images": [BLUE]}
        assert client.chat("plane", [message], options=options).message.content == expected
        assert client.generate("plane", QUESTION, images=[BLUE], options=options).response == expected


@pytest.mark.parametrize("model", MODELS)
def test_requests_with_and_without_images_do_not_disturb_each_other(http: httpx.Client, model: str) -> None:
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


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_reuses_its_picture(http: httpx.Client, model: str) -> None:
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


def test_several_answers_about_one_picture(http: httpx.Client) -> None:
    expected, _ = ask(http, turn(QUESTION, RED))
    body = {"model": "plane", "messages": [turn(QUESTION, RED)], "temperature": 0, "max_tokens": 12}
    answer = http.post("/v1/chat/completions", json={**body, "n": 3, "logprobs": True, "top_logprobs": 2})
    assert answer.status_code == 200, answer.text
    assert [choice["message"]["content"] for choice in answer.json()["choices"]] == [expected] * 3


@pytest.mark.parametrize("model", MODELS)
def test_a_client_that_leaves_during_its_picture_disturbs_nobody(http: httpx.Client, model: str) -> None:
    clear(http)
    expected, _ = ask(http, turn(QUESTION, RED), model=model)
    for number in range(4):
        fresh = file_of((number, 50, 99), (2000, 1500) if model == "once" else (300, 200))
        body = {"model": model, "messages": [turn(QUESTION, fresh)], "stream": True, "max_tokens": 300}
        with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert answer.status_code == 200
    assert ask(http, turn(QUESTION, RED), model=model)[0] == expected


def test_what_the_model_cannot_do_is_refused(http: httpx.Client) -> None:
    body = {"messages": [turn(QUESTION, RED)], "max_tokens": 4}
    answer = http.post("/v1/chat/completions", json={**body, "model": "shut"})
    assert (answer.status_code, "does not support images" in answer.json()["error"]["message"]) == (400, True)
    answer = http.post("/v1/chat/completions", json={**body, "model": "wrong"})
    assert answer.status_code == 503
    assert "is no projector" in answer.json()["error"]["message"]
    line = turn(QUESTION, file_of((1, 2, 3), (8000, 2)))
    answer = http.post("/v1/chat/completions", json={**body, "messages": [line], "model": "plane"})
    assert (answer.status_code, "8000 x 2" in answer.json()["error"]["message"]) == (400, True)
    placeholder = turn("what is <__media__>?", RED)
    answer = http.post("/v1/chat/completions", json={**body, "messages": [placeholder], "model": "plane"})
    assert (answer.status_code, "<__media__>" in answer.json()["error"]["message"]) == (400, True)


def test_images_that_are_too_long_for_the_context_are_told(http: httpx.Client) -> None:
    """The model cuts an image into a position for every 32 x 32 pixels; 4096 of them at the most."""
    body = {"model": "plane", "messages": [turn(QUESTION, file_of((1, 2, 3), (2000, 1500)))], "max_tokens": 4}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
