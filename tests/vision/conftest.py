"""A server with models that see: the toy in a thread and in a process, and a text-only one beside them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator

import httpx
import msgspec
import pytest
from PIL import Image

from heylook_core.settings import ImageSettings, ModelEntry, Settings
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

RED, BLUE = (255, 0, 0), (0, 0, 255)


def png(colour: tuple[int, ...] = RED, size: tuple[int, int] = (4, 4), kind: str = "PNG") -> bytes:
    """The file of an image of one colour."""
    file = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(file, kind)
    return file.getvalue()


def data_url(file: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


def settings(**images: object) -> Settings:
    models = (
        ModelEntry(id="eyes", provider="toy", config={"vision": True, "answer_tokens": 12}, placement="thread"),
        ModelEntry(id="apart", provider="toy", config={"vision": True, "answer_tokens": 12}, placement="process"),
        ModelEntry(id="blind", provider="toy", placement="thread"),
    )
    found = toy_settings()
    return msgspec.structs.replace(
        found,
        models=models,
        default_model="eyes",
        max_loaded_models=3,
        images=ImageSettings(**images),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    with live_server(settings()) as running:
        yield running


@pytest.fixture(scope="session")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def ask(http: httpx.Client) -> Ask:
    """Sends a chat with these images after a text."""

    def send(text: str, *images: str, model: str = "eyes", **fields: object) -> httpx.Response:
        parts: list[object] = [{"type": "text", "text": text}]
        parts += [{"type": "image_url", "image_url": {"url": image}} for image in images]
        body = {"model": model, "messages": [{"role": "user", "content": parts}], "temperature": 0, **fields}
        return http.post("/v1/chat/completions", json=body)

    return send


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text
