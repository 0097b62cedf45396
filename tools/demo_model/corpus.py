"""The training text: an endless row of conversations, fixed by a seed.

    python -m tools.demo_model.corpus --count 5

prints some. The text of a training is that of many seeds, one for each block of steps (see `packing`).
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

from tools.demo_model import scenes
from tools.demo_model.conversation import Conversation
from tools.demo_model.scenes import Scene
from tools.demo_model.words import Values

Shares = tuple[tuple[Scene, int], ...]

# Copying before everything else: without it little of the rest can be learned. It comes of a sudden, after 200 to 350
# steps of this mix; a run that left it after 180 could still copy nothing after 500.
FIRST: Shares = ((scenes.copy_drill, 70), (scenes.talk, 30))
# Long conversations from here on to the end: shown late, they are not learned.
MAIN: Shares = (
    (scenes.talk, 50),
    (scenes.tool_use, 20),
    (scenes.choice_drill, 8),
    (scenes.thinking, 10),
    (scenes.copy_drill, 8),
    (scenes.late_recall, 4),
    (scenes.long_talk, 2),
    (scenes.long_tool_use, 1),
)


def conversation(values: Values, shares: Shares = MAIN) -> Conversation:
    kinds, weights = zip(*shares, strict=True)
    while True:
        found: Conversation = values.chance.choices(kinds, weights)[0](values)
        if found.turns:
            return found


def conversations(seed: int | str, shares: Shares = MAIN) -> Iterator[Conversation]:
    values = Values(random.Random(seed))
    while True:
        yield conversation(values, shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--seed", default="0")
    given = parser.parse_args()
    for _, found in zip(range(given.count), conversations(given.seed), strict=False):
        print(f"{found.text()}\n{'-' * 40}")


if __name__ == "__main__":
    main()
