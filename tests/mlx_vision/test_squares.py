"""A model that was trained to see (`tools/vision_model`): the colours it tells are right, over HTTP.

In so few steps it has not learned where the squares are; that it answers with a place is all that is asked of it there.
"""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from PIL import Image

from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import live_server, toy_settings
from tools.vision_model.data import ALL, COLOUR, COLOURS, PLACE, PLACES, SIDE, Square

pytestmark = pytest.mark.integration

SQUARES = [Square(colour, place) for colour in COLOURS for place in PLACES]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    config = {"model_path": str(Path(__file__).parent / "squares")}
    models = (ModelEntry(id="squares", provider="mlx", config=config, placement="process"),)
    wanted = msgspec.structs.replace(toy_settings(), models=models, default_model="squares")
    with live_server(wanted) as running, openai.OpenAI(base_url=f"{running.url}/v1", api_key="any") as made:
        yield made


def turn(text: str, *squares: Square, scale: int = 1) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": _url(square, scale)}} for square in squares]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def _url(square: Square, scale: int) -> str:
    """A picture that was not among those it was trained with, in all likelihood: another chance draws it."""
    picture = Image.fromarray(square.pixels(random.Random(repr(square))))
    file = io.BytesIO()
    picture.resize((SIDE * scale, SIDE * scale), Image.Resampling.NEAREST).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def said(client: openai.OpenAI, *messages: dict[str, Any]) -> str:
    answer = client.chat.completions.create(model="squares", messages=messages, temperature=0, max_tokens=16)  # type: ignore[arg-type]
    return answer.choices[0].message.content or ""


def test_it_tells_the_colour_of_every_square(client: openai.OpenAI):
    with ThreadPoolExecutor(8) as pool:
        colours = list(pool.map(lambda square: said(client, turn(COLOUR, square)), SQUARES))
    assert colours == [square.colour for square in SQUARES]


def test_it_names_the_colours_of_two_pictures_in_their_order(client: openai.OpenAI):
    pairs = list(zip(SQUARES, SQUARES[5:], strict=False))
    for first, second in pairs[::4]:
        assert said(client, turn(ALL, first, second)) == f"{first.colour}, {second.colour}"
        assert said(client, turn(ALL, second, first)) == f"{second.colour}, {first.colour}"


def test_it_remembers_the_picture_of_the_turn_before(client: openai.OpenAI):
    for square in SQUARES[::5]:
        first = turn(PLACE, square)
        answer = said(client, first)
        again = said(client, first, {"role": "assistant", "content": answer}, turn(COLOUR))
        assert (answer in PLACES, again) == (True, square.colour)


def test_a_larger_picture_is_the_same_picture(client: openai.OpenAI):
    for square in SQUARES[::7]:
        assert said(client, turn(COLOUR, square, scale=10)) == square.colour
