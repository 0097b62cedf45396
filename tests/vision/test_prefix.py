"""Reuse of prompts with pictures: what is kept counts for the same pictures, and for no others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from heylook_core.errors import Busy, InvalidRequest
from heylook_core.media.images import reader as reader_module
from heylook_core.media.images.decode import decode
from heylook_core.media.images.reader import DecodedImages, ImageReader
from heylook_core.messages import ChatRequest, ImageOptions, ImagePart, Message, Picture, TextPart
from heylook_core.settings import ImageSettings, ModelEntry, TierSettings
from heylook_core.testkit.server import LiveServer, live_server
from heylook_core.vision import MediaSpan, Prompt, check_placeholders, keyed, outside_pictures, own_ids, picture_ids

from .conftest import BLUE, RED, data_url, png, settings

RED_URL, BLUE_URL = data_url(png(RED, (64, 64))), data_url(png(BLUE, (64, 64)))
POSITIONS = 16  # of a picture of 64 x 64 pixels, for the toy


def turn(text: str, *images: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": image}} for image in images]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def told(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def ask(http: httpx.Client, messages: list[dict[str, Any]], model: str = "eyes", **fields: Any) -> tuple[str, int, int]:
    """The answer, the prompt's tokens, and how many of them were kept."""
    body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 8, **fields}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    usage = answer.json()["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return answer.json()["choices"][0]["message"]["content"], usage["prompt_tokens"], cached


def cold(http: httpx.Client, messages: list[dict[str, Any]], model: str = "eyes") -> str:
    """The answer of a cache that is empty."""
    http.request("DELETE", "/v1/admin/cache")
    return ask(http, messages, model)[0]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    found = settings()
    whole = ModelEntry(id="whole", provider="toy", config={"vision": True, "trims": False}, placement="thread")
    wanted = msgspec.structs.replace(found, models=(*found.models, whole))
    with live_server(wanted) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        yield client


@pytest.mark.integration
@pytest.mark.parametrize("model", ["eyes", "whole", "apart"])
def test_a_second_turn_reuses_the_picture_of_the_first(http: httpx.Client, model: str):
    first = [turn("what is it?", RED_URL)]
    said, prompt, cached = ask(http, first, model)
    assert (cached, prompt > POSITIONS) == (0, True)
    second = [*first, told(said), turn("and why?")]
    answer, length, cached = ask(http, second, model)
    assert prompt - 12 <= cached < length
    assert answer == cold(http, second, model)


@pytest.mark.integration
@pytest.mark.parametrize("model", ["eyes", "whole"])
def test_another_picture_never_shares_more_than_what_comes_before_it(http: httpx.Client, model: str):
    before = [turn("look at this", RED_URL)]
    ask(http, before, model)
    answer, _, cached = ask(http, [turn("look at this", BLUE_URL)], model)
    assert cached <= len("<|start|>user\n")
    assert answer == cold(http, [turn("look at this", BLUE_URL)], model)


@pytest.mark.integration
def test_the_second_of_two_pictures_may_change(http: httpx.Client):
    ask(http, [turn("a", RED_URL), told("b"), turn("c", BLUE_URL)])
    other = data_url(png((0, 255, 0), (64, 64)))
    changed = [turn("a", RED_URL), told("b"), turn("c", other)]
    answer, _, cached = ask(http, changed)
    assert cached >= POSITIONS
    assert answer == cold(http, changed)


@pytest.mark.integration
def test_pictures_come_back_from_the_disk_after_a_restart(tmp_path: Path):
    pytest.importorskip("heylook_disk_cache", reason="heylook-disk-cache is not installed")
    tier = TierSettings(name="disk", config={"folder": str(tmp_path)})
    wanted = msgspec.structs.replace(settings(), prefix_tier=tier)
    long = [turn("x" * 200, RED_URL)]
    with live_server(wanted) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        answer, _, _ = ask(client, long)
    with live_server(wanted) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        _, _, other = ask(client, [turn("x" * 200, BLUE_URL)])
        same, length, cached = ask(client, long)
    assert other < POSITIONS
    assert (same, cached) == (answer, length - 1)


@pytest.mark.integration
def test_the_place_of_a_difference_is_told_in_prompts_with_pictures(server: LiveServer):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        ask(client, [turn("one two three", RED_URL)])
        ask(client, [turn("one two four", RED_URL)])
        records = server.finishes.get(2)
    assert any("message 0 (user) at character 8" in record.reuse for record in records)


@pytest.mark.integration
def test_text_that_stands_for_pictures_is_refused(http: httpx.Client):
    body = {"model": "eyes", "messages": [turn("what is <|picture|>?", RED_URL)]}
    answer = http.post("/v1/chat/completions", json=body)
    assert (answer.status_code, "<|picture|>" in answer.json()["error"]["message"]) == (400, True)
    body = {"model": "eyes", "messages": [{"role": "user", "content": "say <|picture|>"}]}
    assert http.post("/v1/chat/completions", json=body).status_code == 400


@pytest.mark.integration
def test_a_prompt_too_long_loses_whole_pictures_or_is_refused(http: httpx.Client):
    body = {"model": "eyes", "stream": False, "options": {"num_ctx": 90}, "think": False}
    image = RED_URL.partition(",")[2]
    messages = [
        {"role": "user", "content": "old", "images": [image]},
        {"role": "assistant", "content": "yes " * 5},
        {"role": "user", "content": "[toy:look]", "images": [BLUE_URL.partition(",")[2]]},
    ]
    answer = http.post("/api/chat", json={**body, "messages": messages})
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"]["content"] == "64x64 #0000ff"
    refused = http.post("/api/chat", json={**body, "options": {"num_ctx": 20}, "messages": messages[2:]})
    assert refused.status_code == 400


# ------------------------------------------------------------------ by themselves


def picture(colour: bytes = b"\xff\0\0") -> Picture:
    return Picture(1, 1, 3, (colour * 32)[:32], colour)


@pytest.mark.unit
def test_ids_of_a_picture_are_negative_and_its_own():
    ids, others = picture_ids(picture().digest, 1000), picture_ids(picture(b"\0\0\0").digest, 1000)
    assert all(-(2**31) <= id_ < 0 for id_ in ids)
    assert len(set(ids)) > 990
    assert not any(one == other for one, other in zip(ids, others, strict=True))
    assert picture_ids(picture().digest, 10) == ids[:10]


@pytest.mark.unit
def test_an_engine_gets_its_own_ids_back():
    prompt = Prompt([5, 7, 7, 7, 6], (MediaSpan(1, (7, 7, 7), picture()),))
    found = keyed(prompt)
    assert [id_ < 0 for id_ in found.tokens] == [False, True, True, True, False]
    assert own_ids(found.tokens, found.media) == prompt.tokens
    assert prompt.tokens == [5, 7, 7, 7, 6]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("tokens", "n", "outside"),
    [
        ([1, -2, -3, 4, 5], 0, 0),
        ([1, -2, -3, 4, 5], 1, 1),
        ([1, -2, -3, 4, 5], 2, 1),
        ([1, -2, -3, 4, 5], 3, 3),
        ([1, -2, -3, 4, 5], 5, 5),
        ([-2, -3, 4], 1, 0),
        ([1, 2, 3], 2, 2),
    ],
)
def test_a_prefix_never_ends_inside_a_picture(tokens: list[int], n: int, outside: int):
    assert outside_pictures(np.array(tokens, dtype=np.int32), n) == outside


@pytest.mark.unit
def test_placeholders_in_texts_are_refused():
    check_placeholders(iter(["fine", ""]), "<image>")
    with pytest.raises(InvalidRequest, match="<image>"):
        check_placeholders(iter(["fine", "an <image>"]), "<image>")


def request(*urls: str, **options: Any) -> ChatRequest:
    parts = (TextPart("x"), *(ImagePart(url) for url in urls))
    return ChatRequest(model="m", messages=(Message("user", parts),), images=ImageOptions(**options))


def pictures(found: ChatRequest) -> list[Picture | None]:
    return [part.picture for part in found.messages[0].content if isinstance(part, ImagePart)]


@pytest.mark.unit
def test_an_image_is_decoded_once_and_again_for_another_size():
    async def scenario() -> None:
        reader = ImageReader(ImageSettings())
        [first], [second] = pictures(await reader.read(request(RED_URL))), pictures(await reader.read(request(RED_URL)))
        assert first is second
        [small] = pictures(await reader.read(request(RED_URL, largest=8)))
        assert small is not None
        assert (small.width, small.height) == (8, 8)
        reader.close()

    asyncio.run(scenario())


@pytest.mark.unit
def test_images_of_all_requests_together_are_bounded():
    async def scenario() -> None:
        reader = ImageReader(ImageSettings(held_bytes=2 * 64 * 64 * 3, cache_bytes=0))
        await reader.read(request(RED_URL), 1)
        await reader.read(request(BLUE_URL), 2)
        with pytest.raises(Busy):
            await reader.read(request(RED_URL), 3)
        reader.let_go(1)
        await reader.read(request(RED_URL), 3)
        reader.close()

    asyncio.run(scenario())


@pytest.mark.unit
def test_images_are_decoded_on_threads_of_their_own(monkeypatch: pytest.MonkeyPatch):
    names: list[str] = []

    def noted(data: bytes, options: ImageOptions, most: int) -> Picture:
        names.append(threading.current_thread().name)
        return decode(data, options, most)

    async def scenario() -> None:
        monkeypatch.setattr(reader_module, "decode", noted)
        reader = ImageReader(ImageSettings())
        await reader.read(request(RED_URL))
        reader.close()

    asyncio.run(scenario())
    assert [name.startswith("heylook-images") for name in names] == [True]


@pytest.mark.unit
def test_decoded_images_stay_within_their_bytes():
    kept = DecodedImages(100)
    for at in range(10):
        kept.put((bytes([at]), ImageOptions()), Picture(10, 1, 3, b"", bytes(30)))
    assert kept.nbytes == 90
    assert kept.get((b"\x00", ImageOptions())) is None
    assert kept.get((b"\x09", ImageOptions())) is not None
    kept.put((b"large", ImageOptions()), Picture(100, 1, 3, b"", bytes(300)))
    assert kept.nbytes == 90
