"""Images through every API and its official client, and as files of a form."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import ollama
import openai
import pytest
from PIL import Image

from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LiveServer, live_server

from .conftest import BLUE, RED, Ask, data_url, png, settings, text_of

pytestmark = pytest.mark.integration

LOOK = "[toy:look]"
CHAT = "/v1/chat/completions"


def encoded(file: bytes) -> str:
    return base64.b64encode(file).decode()


def shown(*urls: str, text: str = LOOK) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": text}, *parts]}]


# ------------------------------------------------------------------ the official clients


def test_the_openai_client_shows_images_as_object_and_as_text(server: LiveServer):
    red, blue = data_url(png(RED)), data_url(png(BLUE, (9, 2)))
    content: list[Any] = [
        {"type": "text", "text": LOOK},
        {"type": "image_url", "image_url": {"url": red, "detail": "high"}},
        {"type": "image_url", "image_url": blue},
    ]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        answer = client.chat.completions.create(model="eyes", messages=[{"role": "user", "content": content}])
        assert answer.choices[0].message.content == "4x4 #ff0000, 9x2 #0000ff"
        stream = client.chat.completions.create(
            model="eyes", messages=[{"role": "user", "content": content}], stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
        assert "".join(pieces) == "4x4 #ff0000, 9x2 #0000ff"


def test_the_responses_api_shows_images(server: LiveServer):
    parts: list[Any] = [
        {"type": "input_text", "text": LOOK},
        {"type": "input_image", "image_url": data_url(png(RED, (600, 300))), "detail": "low"},
    ]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        answer = client.responses.create(model="eyes", input=[{"role": "user", "content": parts}])
    assert answer.output_text == "512x256 #ff0000"


def test_the_ollama_client_shows_images_in_chat_and_generate(server: LiveServer, tmp_path: Path):
    file = tmp_path / "red.png"
    file.write_bytes(png(RED))
    message = {"role": "user", "content": LOOK, "images": [png(BLUE), str(file)]}
    with ollama.Client(server.url) as client:
        assert client.chat("eyes", [message], think=False).message.content == "4x4 #0000ff, 4x4 #ff0000"
        streamed = client.chat("eyes", [message], think=False, stream=True)
        assert "".join(part.message.content or "" for part in streamed) == "4x4 #0000ff, 4x4 #ff0000"
        assert client.generate("eyes", LOOK, images=[png(RED, (7, 7))], think=False).response == "7x7 #ff0000"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/api/chat", "/api/generate"])
def test_a_model_that_does_not_see_says_so_in_every_dialect(http: httpx.Client, path: str):
    image = encoded(png())
    url = f"data:image/png;base64,{image}"
    bodies: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"messages": shown(url)},
        "/v1/responses": {
            "input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}],
        },
        "/api/chat": {"messages": [{"role": "user", "content": "x", "images": [image]}]},
        "/api/generate": {"prompt": "x", "images": [image]},
    }
    answer = http.post(path, json={"model": "blind", **bodies[path]})
    assert answer.status_code == 400
    error = answer.json()["error"]
    text = error if isinstance(error, str) else error["message"]
    assert "does not support images" in text
    assert "vision" in text


def test_sound_is_refused_with_the_reason(http: httpx.Client):
    sound = [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]
    answer = http.post("/v1/chat/completions", json={"model": "eyes", "messages": [{"role": "user", "content": sound}]})
    assert (answer.status_code, "audio" in answer.json()["error"]["message"]) == (400, True)


def test_tokenize_counts_the_positions_of_images(http: httpx.Client):
    body = {"model": "eyes", "messages": shown(data_url(png(RED, (32, 32))), text="ab")}
    without = {"model": "eyes", "messages": [{"role": "user", "content": "ab"}]}
    found, bare = (http.post("/tokenize", json=one).json() for one in (body, without))
    assert found["count"] == bare["count"] + 4
    assert found["tokens"].count(-1) == 4
    refused = http.post("/tokenize", json={**body, "model": "blind"})
    assert refused.status_code == 400


# ------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, "100x50"),
        ({"resize_max": 20}, "20x10"),
        ({"resize_max": 200}, "100x50"),
        ({"resize_width": 40}, "40x20"),
        ({"resize_height": 100}, "200x100"),
        ({"resize_width": 10, "resize_height": 40}, "10x40"),
        ({"resize_width": 1}, "1x1"),
    ],
)
def test_images_are_resized_as_asked_and_not_otherwise(ask: Ask, fields: dict[str, int], size: str):
    assert text_of(ask(LOOK, data_url(png(RED, (100, 50))), **fields)) == f"{size} #ff0000"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"resize_max": 0}, "resize_max"),
        ({"resize_max": -5}, "resize_max"),
        ({"resize_width": 100_000}, "resize_width"),
        ({"image_quality": 500}, "image_quality"),
        ({"image_quality": 0}, "image_quality"),
        ({"image_quality": "good"}, "image_quality"),
        ({"preserve_alpha": "maybe"}, "preserve_alpha"),
        ({"resize_max": 10, "resize_width": 10}, "resize_max"),
        ({"resize_width": 16384, "resize_height": 16384}, "messages[0].content[1]"),
    ],
)
def test_values_out_of_range_are_refused_by_name(ask: Ask, fields: dict[str, Any], param: str):
    answer = ask(LOOK, data_url(png()), **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_transparency_lies_on_white_or_is_kept(ask: Ask):
    image = data_url(png((255, 0, 0, 0)))
    assert text_of(ask(LOOK, image)) == "4x4 #ffffff"
    assert text_of(ask(LOOK, image, preserve_alpha=True)) == "4x4 #ff000000"


def test_quality_takes_the_pixels_through_a_jpeg(ask: Ask):
    noisy = Path(__file__).read_bytes()[:3072]
    file = io.BytesIO()
    Image.frombytes("RGB", (32, 32), noisy).save(file, "PNG")
    image = data_url(file.getvalue())
    plain = text_of(ask("see", image))
    assert text_of(ask("see", image, image_quality=1)) != plain
    assert text_of(ask("see", image)) == plain


def test_an_unknown_detail_is_refused(http: httpx.Client):
    messages = shown(data_url(png()))
    messages[0]["content"][1]["image_url"]["detail"] = "huge"
    answer = http.post("/v1/chat/completions", json={"model": "eyes", "messages": messages})
    assert (answer.status_code, "huge" in answer.json()["error"]["message"]) == (400, True)


# ------------------------------------------------------------------ forms

RAW = "__RAW_IMAGE__"


def form(**fields: Any) -> dict[str, str]:
    return {"model": "eyes", "messages": json.dumps(shown(RAW, RAW)), **fields}


def files(*contents: bytes, name: str = "images") -> list[tuple[str, tuple[str, bytes, str]]]:
    return [(name, (f"{at}.png", content, "image/png")) for at, content in enumerate(contents)]


MULTIPART = "/v1/chat/completions/multipart"


def test_files_of_a_form_fill_the_placeholders_in_order(http: httpx.Client):
    answer = http.post(MULTIPART, data=form(), files=files(png(RED), png(BLUE)))
    assert text_of(answer) == "4x4 #ff0000, 4x4 #0000ff"
    answer = http.post(MULTIPART, data=form(resize_max="2"), files=files(png(BLUE), png(RED), name="images[]"))
    assert text_of(answer) == "2x2 #0000ff, 2x2 #ff0000"


def test_form_and_json_give_the_same_answer(http: httpx.Client, ask: Ask):
    said = json.dumps(shown(RAW, text="what?"))
    fields = {"model": "eyes", "messages": said, "temperature": "0", "max_tokens": "7", "stop": '["x"]', "seed": "3"}
    answer = http.post(MULTIPART, data=fields, files=files(png(RED)))
    same = ask("what?", data_url(png(RED)), max_tokens=7, stop=["x"], seed=3)
    assert text_of(answer) == text_of(same)
    assert answer.json()["usage"] == {
        **same.json()["usage"],
        "prompt_tokens_details": answer.json()["usage"]["prompt_tokens_details"],
    }


def test_a_form_streams_when_asked(http: httpx.Client):
    with http.stream("POST", MULTIPART, data=form(stream="true"), files=files(png(RED), png(BLUE))) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line.startswith("data: {")]
    text = "".join(json.loads(line[6:])["choices"][0]["delta"].get("content") or "" for line in lines)
    assert text == "4x4 #ff0000, 4x4 #0000ff"


def test_a_form_by_curl(server: LiveServer, tmp_path: Path):
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    red.write_bytes(png(RED))
    blue.write_bytes(png(BLUE))
    command = [
        "curl",
        "-sS",
        f"{server.url}{MULTIPART}",
        "-F",
        "model=eyes",
        "-F",
        f"messages={json.dumps(shown(RAW, RAW))}",
    ]
    command += ["-F", f"images=@{red};type=image/png", "-F", f"images=@{blue}"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert answer["choices"][0]["message"]["content"] == "4x4 #ff0000, 4x4 #0000ff"


def test_forms_take_batches_and_data_urls_beside_files(http: httpx.Client):
    messages = json.dumps([*shown(RAW), *shown(data_url(png(BLUE)))])
    answer = http.post(
        MULTIPART,
        data=form(messages=messages, processing_mode="sequential", include_timing="true"),
        files=files(png(RED)),
    )
    assert answer.status_code == 200, answer.text
    assert "#ff0000" in answer.text
    assert "#0000ff" in answer.text


@pytest.mark.parametrize(
    ("fields", "images", "param"),
    [
        ({}, [png()], "images"),
        ({}, [png()] * 3, "images"),
        ({"messages": "[{"}, [], "messages"),
        ({"messages": "hello"}, [], "messages"),
        ({"messages": "[]"}, [], "messages"),
        ({"messages": ""}, [], "messages"),
        ({"messages": '[{"role": "user", "content": 3}]'}, [], "messages[0].content"),
        ({"temperature": "5"}, [png()] * 2, "temperature"),
        ({"temperature": "hot"}, [png()] * 2, "temperature"),
        ({"max_tokens": "0"}, [png()] * 2, "max_tokens"),
        ({"image_quality": "500"}, [png()] * 2, "image_quality"),
        ({"resize_max": "-5"}, [png()] * 2, "resize_max"),
        ({"processing_mode": "bogus"}, [png()] * 2, "processing_mode"),
        ({"colour": "red"}, [png()] * 2, "colour"),
        ({}, [png(), b"no image"], "messages[0].content[2]"),
        ({"model": "nobody"}, [png()] * 2, "model"),
    ],
)
def test_what_is_wrong_with_a_form_is_named(
    http: httpx.Client, fields: dict[str, str], images: list[bytes], param: str
):
    answer = http.post(MULTIPART, data=form(**fields), files=files(*images) or {"images": ""})
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["param"] == param, answer.text


def test_files_in_other_fields_and_other_bodies_are_refused(http: httpx.Client):
    answer = http.post(MULTIPART, data=form(), files=files(png(), png(), name="pictures"))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "pictures")
    assert http.post(MULTIPART, json={"model": "eyes"}).status_code in (400, 415)


def test_images_of_running_requests_are_bounded():
    """Two of these fit; a third has to come again, and may, once one of the two has ended."""
    wanted = settings(held_bytes=3_000_000)
    slow = ModelEntry(id="slow", provider="toy", config={"vision": True, "step_delay": 0.01}, placement="thread")
    wanted = msgspec.structs.replace(wanted, models=(slow,), default_model="slow")
    body = {"model": "slow", "messages": shown(data_url(png(size=(800, 600))), text="hm")}
    endless = {**body, "stream": True, "max_tokens": 7000, "ignore_eos": True}
    with live_server(wanted) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        with contextlib.ExitStack() as open_ones:
            streams = [open_ones.enter_context(client.stream("POST", CHAT, json=endless)) for _ in range(2)]
            lines = [stream.iter_lines() for stream in streams]
            assert all(next(one).startswith("data: ") for one in lines)
            refused = client.post(CHAT, json=body)
            assert (refused.status_code, "images" in refused.json()["error"]["message"]) == (429, True)
            assert "retry-after" in refused.headers
        while (answer := client.post(CHAT, json=body)).status_code == 429:
            time.sleep(0.05)
        assert answer.status_code == 200
