"""Pictures on their way to the engine: pixels, both placements, prompts, and the prefix cache."""

from __future__ import annotations

import pytest

from .conftest import BLUE, RED, Ask, data_url, png, text_of

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("model", ["eyes", "apart"])
def test_the_engine_gets_the_pixels_in_both_placements(ask: Ask, model: str):
    images = [data_url(png(RED, (3, 5))), data_url(png(BLUE, (640, 480)))]
    assert text_of(ask("[toy:look]", *images, model=model)) == "3x5 #ff0000, 640x480 #0000ff"


@pytest.mark.parametrize("model", ["eyes", "apart"])
def test_the_same_text_with_another_picture_is_another_prompt(ask: Ask, model: str):
    red, blue = data_url(png(RED)), data_url(png(BLUE))
    first = text_of(ask("what is it?", red, model=model))
    assert text_of(ask("what is it?", blue, model=model)) != first
    assert text_of(ask("what is it?", red, model=model)) == first
    assert text_of(ask("what is it?", model=model)) != first


def test_order_of_pictures_matters(ask: Ask):
    red, blue = data_url(png(RED)), data_url(png(BLUE))
    assert text_of(ask("[toy:look]", red, blue)) == "4x4 #ff0000, 4x4 #0000ff"
    assert text_of(ask("[toy:look]", blue, red)) == "4x4 #0000ff, 4x4 #ff0000"
    assert text_of(ask("say", red, blue)) != text_of(ask("say", blue, red))
