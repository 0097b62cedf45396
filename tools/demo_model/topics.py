"""What a question about heylook is: ways to ask, and the one answer."""

from __future__ import annotations

from typing import NamedTuple

HOW = (
    "How do I {}?", "How can I {}?", "How to {}?", "I want to {}.", "Please help me {}.", "Explain how to {}.",
    "Show me how to {}.", "What is the way to {}?", "What do I do to {}?", "How would I {}?",
    "Can you tell me how to {}?", "I need to {}. How?", "Is there a way to {}?", "What are the steps to {}?",
    "Could you explain how to {}?", "What must I do to {}?", "Can I {}?",
)  # fmt: skip
WHAT = (
    "What is {}?", "What does {} mean?", "Explain {}.", "Tell me about {}.", "Describe {}.", "Define {}.",
    "What's {}?", "Can you explain {}?", "I want to know about {}.", "What do you know about {}?",
    "Please explain {}.", "Give me a short explanation of {}.",
)  # fmt: skip


class Topic(NamedTuple):
    """`phrases` are put into `frames`; `whole` are questions by themselves.

    `validation` and `held_out` are questions that training never shows.
    """

    answer: str
    phrases: tuple[str, ...]
    whole: tuple[str, ...]
    validation: str
    held_out: str
    frames: tuple[str, ...] = ()

    def questions(self) -> list[str]:
        """What training may ask."""
        made = [frame.format(phrase) for phrase in self.phrases for frame in self.frames]
        kept_back = {plain(self.validation), plain(self.held_out)}
        return [question for question in (*made, *self.whole) if plain(question) not in kept_back]


def plain(question: str) -> str:
    """Without what the corpus varies: case and the sign at the end."""
    return question.lower().rstrip("?.! ")


def how(answer: str, phrases: str, whole: str, validation: str, held_out: str) -> Topic:
    """`phrases` and `whole` are separated by `|`."""
    return Topic(answer, _split(phrases), _split(whole), validation, held_out, HOW)


def what(answer: str, phrases: str, whole: str, validation: str, held_out: str) -> Topic:
    return Topic(answer, _split(phrases), _split(whole), validation, held_out, WHAT)


def free(answer: str, whole: str, validation: str, held_out: str) -> Topic:
    return Topic(answer, (), _split(whole), validation, held_out)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())
