"""Many clients talk to one GGUF model at once, each in a conversation of its own; no answer goes astray.

By pytest, and as a command: `python tests/test_parallel_stress.py [CLIENTS [URL [MODEL]]]`. Without a URL it starts
a server with the GGUF demo model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("heylook_gguf", reason="the GGUF provider is not installed")
pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from demo_gguf import MODEL, Demo, demo_at

from heylook_demo_model.prompts import proven

pytestmark = pytest.mark.integration

RECALL = "What is my name?"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with demo_at() as made:
        yield made


def introductions(clients: int) -> list[str]:
    """A sentence for each client that says who it is; the demo model is proven to recall these names."""
    said = {prompt.messages[0]["content"] for prompt in proven("recall")}
    known = sorted(text for text in said if text.startswith("My name is "))
    return [known[number % len(known)] for number in range(clients)]


def conversation(demo: Demo, introduction: str, *, streamed: bool) -> str:
    """Every answer of three turns, one per line: the introduction, a question of its own, the name."""
    ask = demo.ask_streamed if streamed else demo.ask
    facts = proven("fact")
    other = facts[len(introduction) % len(facts)].messages[0]["content"]
    messages: list[Any] = []
    answers = []
    for text in (introduction, other, RECALL):
        messages.append({"role": "user", "content": text})
        answers.append(ask(messages, max_tokens=32))
        messages.append({"role": "assistant", "content": answers[-1]})
    return "\n".join(answers)


def stress(demo: Demo, clients: int) -> None:
    """Raises AssertionError where a conversation among others differs from the same one alone."""
    said = introductions(clients)
    alone = {text: conversation(demo, text, streamed=False) for text in dict.fromkeys(said)}
    talks = [partial(conversation, demo, text, streamed=bool(number % 2)) for number, text in enumerate(said)]
    for text, together in zip(said, demo.at_once(talks), strict=True):
        assert together == alone[text], text
        if demo.model == MODEL:
            assert text.removeprefix("My name is ").rstrip(".") in together.splitlines()[-1]


@pytest.mark.parametrize("clients", [10, 24])
def test_conversations_beside_each_other_are_those_of_each_alone(demo: Demo, clients: int) -> None:
    stress(demo, clients)


def main(arguments: Sequence[str]) -> int:
    clients = int(arguments[0]) if arguments else 10
    with demo_at(*arguments[1:3]) as made:
        stress(made, clients)
    sys.stdout.write(f"{clients} clients at once, 3 turns each: every answer as in the conversation alone\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
