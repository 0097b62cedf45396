"""Conversations about coloured squares: what the small vision model is trained on and tested with."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np

SIDE = 56
COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 160, 40),
    "blue": (30, 50, 220),
    "yellow": (235, 215, 40),
    "black": (10, 10, 10),
    "purple": (140, 40, 170),
}
PLACES = ("top left", "top right", "bottom left", "bottom right")
GROUNDS = ((255, 255, 255), (235, 235, 235), (200, 200, 200))
COLOUR, PLACE, ALL = "What colour is the square?", "Where is the square?", "Name the colours in order."


class Square(NamedTuple):
    """What one picture shows."""

    colour: str
    place: str

    def pixels(self, chance: random.Random) -> np.ndarray[Any, Any]:
        """(56, 56, 3) of uint8: a square somewhere in its quarter, on a light ground."""
        picture = np.empty((SIDE, SIDE, 3), np.uint8)
        picture[:] = chance.choice(GROUNDS)
        size = chance.randint(16, 24)
        room = SIDE // 2 - size
        top = chance.randint(0, room) + (SIDE // 2 if self.place.startswith("bottom") else 0)
        left = chance.randint(0, room) + (SIDE // 2 if self.place.endswith("right") else 0)
        picture[top : top + size, left : left + size] = COLOURS[self.colour]
        return picture


class Turn(NamedTuple):
    """Pictures, a question after them, and its answer."""

    squares: tuple[Square, ...]
    question: str
    answer: str


def square(chance: random.Random) -> Square:
    return Square(chance.choice(list(COLOURS)), chance.choice(PLACES))


def conversation(chance: random.Random) -> list[Turn]:
    """One or two turns; a question without a picture is about the last one shown."""
    turns: list[Turn] = []
    last: tuple[Square, ...] = ()
    for number in range(chance.choice((1, 1, 2))):
        count = chance.choice((1, 1, 2)) if number == 0 or chance.random() < 0.3 else 0
        shown = tuple(square(chance) for _ in range(count))
        last = shown or last
        question = ALL if len(last) > 1 else chance.choice((COLOUR, PLACE, ALL))
        turns.append(Turn(shown, question, answer(last, question)))
    return turns


def answer(squares: tuple[Square, ...], question: str) -> str:
    if question == ALL:
        return ", ".join(one.colour for one in squares)
    return squares[0].colour if question == COLOUR else squares[0].place
