"""Facts that somebody tells, in the conversation or in the system prompt, and what is asked about them later."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tools.demo_model.conversation import Exchange
from tools.demo_model.words import COLOURS, FOODS, Values


class Told(NamedTuple):
    """A kind of fact: how it is told and acknowledged, how it is asked for, and the answer if it was never told."""

    told: tuple[str, ...]
    acknowledged: str
    asked: tuple[str, ...]
    answer: str
    unknown: str
    value: Callable[[Values], str]

    def tell(self, values: Values, value: str) -> Exchange:
        said = values.chance.choice(self.told).format(value)
        return Exchange(said, self.acknowledged.format(value), "The user tells me a fact.", "acknowledgement")

    def ask(self, values: Values, value: str | None) -> Exchange:
        asked = values.chance.choice(self.asked)
        if value is None:
            return Exchange(asked, self.unknown, "I look for it above.", "unknown")
        return Exchange(asked, self.answer.format(value), f"The user said {value}.", "recall")


_KEPT = "I will remember that."
FACTS = {
    "name": Told(
        ("My name is {}.", "I am {}.", "Hi, I am {}.", "Call me {}.", "I'm {}.", "Hello, my name is {}.",
         "My name is {}", "You can call me {}."),
        "Nice to meet you, {}.",
        ("What is my name?", "Who am I?", "Do you remember my name?", "Tell me my name.", "What's my name?",
         "Say my name.", "What was my name?"),
        "Your name is {}.", "You did not tell me your name.", Values.name,
    ),
    "number": Told(
        ("My number is {}.", "My lucky number is {}.", "Remember the number {}.", "Please remember the number {}.",
         "The number is {}."),
        _KEPT,
        ("What is my number?", "What was the number?", "Which number did I tell you?", "Tell me the number.",
         "What is the number?"),
        "The number is {}.", "You did not tell me a number.", lambda values: values.number(5),
    ),
    "colour": Told(
        ("My favourite colour is {}.", "My favorite color is {}.", "I like the colour {}.", "I love the color {}."),
        _KEPT,
        ("What is my favourite colour?", "What is my favorite color?", "Which colour do I like?",
         "Tell me my favourite colour.", "Which color do I like?"),
        "Your favourite colour is {}.", "You did not tell me your favourite colour.",
        lambda values: values.one_of(COLOURS),
    ),
    "city": Told(
        ("I live in {}.", "My city is {}.", "I come from {}.", "My home is {}.", "I am from {}."),
        _KEPT,
        ("Where do I live?", "Which city do I live in?", "Where am I from?", "What is my city?",
         "Tell me where I live."),
        "You live in {}.", "You did not tell me where you live.", Values.city,
    ),
    "pet": Told(
        ("My dog is called {}.", "My cat is called {}.", "The name of my dog is {}.", "I have a cat named {}.",
         "I have a dog named {}."),
        _KEPT,
        ("What is my pet called?", "What is the name of my pet?", "Who is my pet?", "What did I call my pet?"),
        "Your pet is called {}.", "You did not tell me about a pet.", Values.name,
    ),
    "food": Told(
        ("My favourite food is {}.", "I love to eat {}.", "I like {} for dinner.", "My favorite food is {}."),
        _KEPT,
        ("What is my favourite food?", "What do I like to eat?", "Which food do I like?",
         "What is my favorite food?"),
        "Your favourite food is {}.", "You did not tell me your favourite food.",
        lambda values: values.one_of(FOODS, 0.4),
    ),
    "word": Told(
        ("The secret word is {}.", "Remember the word {}.", "The magic word is {}.",
         "Please remember this word: {}"),
        _KEPT,
        ("What is the secret word?", "What was the word?", "Which word did I tell you?", "Tell me the word.",
         "What is the magic word?"),
        "The word is {}.", "You did not tell me a word.", Values.word,
    ),
}  # fmt: skip


class SystemFact(NamedTuple):
    """A fact that the system prompt tells."""

    told: tuple[str, ...]
    asked: tuple[str, ...]
    answer: str
    value: Callable[[Values], str]

    def ask(self, values: Values, value: str) -> Exchange:
        asked = values.chance.choice(self.asked)
        return Exchange(asked, self.answer.format(value), f"The system says {value}.", "system")


def _password(values: Values) -> str:
    kinds = (values.word, lambda: values.number(5), values.word, lambda: values.word() + values.number(2))
    return values.chance.choice(kinds)()


SYSTEM_FACTS = {
    "password": SystemFact(
        ("The password is {}.", "The secret password is {}.", "The password today is {}."),
        ("What is the password?", "Tell me the password.", "What's the password?", "Which password is it?"),
        "The password is {}.", _password,
    ),
    "code": SystemFact(
        ("The code is {}.", "The door code is {}.", "The access code is {}."),
        ("What is the code?", "Tell me the code.", "Which code is it?", "What's the code?"),
        "The code is {}.", lambda values: values.number(5),
    ),
    "persona": SystemFact(
        ("You are {}.", "Your name is {}.", "You are {}, a helpful assistant.", "You are an assistant called {}."),
        ("What is your name?", "Who are you?", "What are you called?", "Tell me your name."),
        "My name is {}.", Values.name,
    ),
    "user": SystemFact(
        ("The user is called {}.", "The name of the user is {}.", "You talk to {}."),
        ("What is my name?", "Who am I?", "Do you know my name?", "Tell me my name."),
        "Your name is {}.", Values.name,
    ),
}  # fmt: skip
MANNERS = (
    "You are a helpful assistant.", "Be brief.", "Answer in one sentence.", "You are a friendly assistant.",
    "Answer the question of the user.", "You answer questions.",
    "You are a helpful AI assistant. Answer clearly.", "Keep your answers short.",
)  # fmt: skip
