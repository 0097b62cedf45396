"""What an engine with the model of `train` does behind the real server, asked with the official client.

class TestMyEngine(SquareServer):
    @pytest.fixture(scope="class")
    @classmethod
    def entries(cls, ...): return (ModelEntry(id=MODEL, provider=..., config=...),)

In so few steps it has not learned where the squares are; that it answers with a place is all that is asked of it there.
"""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterator, Sequence
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

MODEL = "squares"
FOLDER = Path(__file__).parents[2] / "tests" / "mlx_vision" / "squares"
SQUARES = [Square(colour, place) for colour in COLOURS for place in PLACES]
PAIRS = list(zip(SQUARES, SQUARES[5:], strict=False))

Asked = list[dict[str, Any]]


def turn(text: str, *squares: Square, scale: int = 1) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": _url(square, scale)}} for square in squares]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def _url(square: Square, scale: int) -> str:
    """A picture that was not among those it was trained with, in all likelihood: another chance draws it."""
    picture = Image.fromarray(square.pixels(random.Random(repr(square))))
    file = io.BytesIO()
    picture.resize((SIDE * scale, SIDE * scale), Image.Resampling.NEAREST).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def said(client: openai.OpenAI, *messages: dict[str, Any], model: str = MODEL) -> str:
    answer = client.chat.completions.create(model=model, messages=messages, temperature=0, max_tokens=16)  # type: ignore[arg-type]
    return answer.choices[0].message.content or ""


def all_said(client: openai.OpenAI, asked: Sequence[Asked], model: str = MODEL) -> list[str]:
    """The answers to all conversations, which are asked at once."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda messages: said(client, *messages, model=model), asked))


class SquareServer:
    """Overridable: `entries`, of which the first is that of the model to ask."""

    @pytest.fixture(scope="class")
    @classmethod
    def entries(cls) -> tuple[ModelEntry, ...]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, entries: tuple[ModelEntry, ...]) -> Iterator[openai.OpenAI]:
        wanted = msgspec.structs.replace(toy_settings(), models=entries, default_model=entries[0].id)
        with live_server(wanted) as running, openai.OpenAI(base_url=f"{running.url}/v1", api_key="any") as made:
            yield made

    def test_it_tells_the_colour_of_every_square(self, client: openai.OpenAI) -> None:
        colours = all_said(client, [[turn(COLOUR, square)] for square in SQUARES])
        assert colours == [square.colour for square in SQUARES]

    def test_it_names_the_colours_of_two_pictures_in_their_order(self, client: openai.OpenAI) -> None:
        for first, second in PAIRS[::4]:
            assert said(client, turn(ALL, first, second)) == f"{first.colour}, {second.colour}"
            assert said(client, turn(ALL, second, first)) == f"{second.colour}, {first.colour}"

    def test_it_remembers_the_picture_of_the_turn_before(self, client: openai.OpenAI) -> None:
        for square in SQUARES[::5]:
            first = turn(PLACE, square)
            answer = said(client, first)
            again = said(client, first, {"role": "assistant", "content": answer}, turn(COLOUR))
            assert (answer in PLACES, again) == (True, square.colour)

    def test_a_larger_picture_is_the_same_picture(self, client: openai.OpenAI) -> None:
        for square in SQUARES[::7]:
            assert said(client, turn(COLOUR, square, scale=10)) == square.colour
