"""Exchanges that stand by themselves: questions about heylook, general knowledge, copying, counting, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from tools.demo_model import knowledge
from tools.demo_model.conversation import Exchange
from tools.demo_model.documentation import TOPICS, wordings
from tools.demo_model.words import COLOURS, Values

Maker = Callable[[Values], Exchange]

_BEGINNINGS = (
    "", "", "", "", "", "", "Please tell me: ", "Hey, ", "Quick question: ", "Hi! ", "One more question: ",
    "Now tell me, ", "Okay. ", "And ",
)  # fmt: skip
_JOINED = ("Hey, ", "Now tell me, ", "And ")
_KEPT_CAPITAL = ("I ", "I'", "JSON", "MLX", "GGUF", "CoreML")


def varied(values: Values, question: str) -> str:
    """As people type it: with words before it, without its sign, without capitals."""
    beginning = values.chance.choice(_BEGINNINGS)
    if beginning in _JOINED and not question.startswith(_KEPT_CAPITAL):
        question = question[0].lower() + question[1:]
    question = beginning + question
    style = values.chance.random()
    if style < 0.12:
        return question.rstrip("?.!")
    return question.lower() if style < 0.2 else question


QUESTIONS = tuple((topic, tuple(topic.questions())) for topic in TOPICS)
WORDINGS = tuple(wordings().items())
DOCUMENTED = "I know this about heylook."


def documentation(values: Values) -> Exchange:
    """Half of the time one of the questions that no frame made: they are few and differ most."""
    topic, questions = values.chance.choice(QUESTIONS)
    whole = topic.whole if topic.whole and values.chance.random() < 0.5 else questions
    return Exchange(varied(values, values.chance.choice(whole)), topic.answer, DOCUMENTED, "documentation")


def reworded(values: Values) -> Exchange:
    """The same answers to questions that share less with one another. The sets do not draw from these."""
    answer, questions = values.chance.choice(WORDINGS)
    return Exchange(varied(values, values.chance.choice(questions)), answer, DOCUMENTED, "documentation")


def fact(values: Values) -> Exchange:
    return values.chance.choice((_capital, _capital, _opposite, _colour, _next))(values)


def _capital(values: Values) -> Exchange:
    country = values.chance.choice(list(knowledge.CAPITALS))
    return _known(values, knowledge.CAPITAL_ASKED, country, knowledge.CAPITALS[country], f"the capital of {country}")


def _opposite(values: Values) -> Exchange:
    word = values.chance.choice(list(knowledge.OPPOSITES))
    answer = knowledge.OPPOSITES[word].capitalize()
    return _known(values, knowledge.OPPOSITE_ASKED, word, answer, f"the opposite of {word}")


def _colour(values: Values) -> Exchange:
    thing = values.chance.choice(list(knowledge.COLOURS_OF))
    return _known(values, knowledge.COLOUR_ASKED, thing, knowledge.COLOURS_OF[thing], f"the colour of {thing}")


def _known(values: Values, asked: Sequence[str], about: str, answer: str, needed: str) -> Exchange:
    question = varied(values, values.chance.choice(asked).format(about))
    return Exchange(question, answer, f"I need {needed}.", "fact")


def _next(values: Values) -> Exchange:
    unit, row = values.chance.choice((("day", knowledge.DAYS), ("day", knowledge.DAYS), ("month", knowledge.MONTHS)))
    place = values.chance.randrange(len(row))
    side, step = values.chance.choice((("after", 1), ("before", -1)))
    asked = values.chance.choice(knowledge.NEXT_ASKED).format(unit=unit, side=side, name=row[place])
    thought = f"I need the {unit} {side} {row[place]}."
    return Exchange(varied(values, asked), row[(place + step) % len(row)], thought, "fact")


def unknown(values: Values) -> Exchange:
    """What the model can not know, arithmetic included: it does not learn to reckon."""
    country = values.chance.choice(list(knowledge.CAPITALS))
    asked = values.chance.choice(knowledge.UNKNOWN_ASKED).format(
        year=values.chance.randint(1900, 2030),
        word=values.word(),
        country=country if values.chance.random() < 0.9 else values.city(),
        name=values.name(),
        number=values.number(3),
        other=values.number(3),
    )
    return Exchange(varied(values, asked), knowledge.UNKNOWN, "I do not know this.", "unknown")


_COPY_ASKED = (
    "Repeat after me: {}", "Repeat: {}", "Say: {}", "Say exactly: {}", "Echo: {}", "Copy this text: {}",
    "Repeat this: {}", "Please repeat: {}", "Echo this back: {}", 'Say "{}"', 'Repeat "{}"',
)  # fmt: skip


def copying(values: Values) -> Exchange:
    text = values.chance.choices((_copied_words, _copied_numbers, _copied_sentence, _copied_list), (12, 3, 2, 3))[0](
        values
    )
    return copied(values, text)


def copied(values: Values, text: str) -> Exchange:
    if values.chance.random() < 0.25:
        text = text[0].upper() + text[1:] + values.chance.choice((".", "!", ""))
    return Exchange(values.chance.choice(_COPY_ASKED).format(text), text, "I repeat the text.", "copy")


def _copied_words(values: Values) -> str:
    """Long ones more often than short ones: those are what is hard."""
    return values.words(2, 4) if values.chance.random() < 0.35 else values.words(5, 9)


def _copied_numbers(values: Values) -> str:
    return " ".join(values.number(4) for _ in range(values.chance.randint(1, 6)))


def _copied_sentence(values: Values) -> str:
    verb = values.chance.choice(("likes", "sees", "has", "wants", "lost"))
    return f"{values.name()} {verb} {values.chance.choice(('the', 'a', 'my'))} {values.word()}"


def _copied_list(values: Values) -> str:
    return ", ".join(values.word().lower() for _ in range(values.chance.randint(2, 5)))


_COUNT_ASKED = (
    "Count from {} to {}.", "Count from {} to {}", "Please count from {} to {}.", "List the numbers from {} to {}.",
    "Count {} to {}.",
)  # fmt: skip


def counting(values: Values) -> Exchange:
    first = values.chance.randint(0, 20)
    last = first + values.chance.randint(2, 9)
    asked = values.chance.choice(_COUNT_ASKED).format(first, last)
    answer = ", ".join(map(str, range(first, last + 1)))
    return Exchange(asked, answer, f"I count from {first} to {last}.", "count")


_KEYS: dict[str, Callable[[Values], str | int]] = {
    "name": Values.name,
    "age": lambda values: values.chance.randint(1, 99),
    "city": Values.city,
    "color": lambda values: values.one_of(COLOURS, 0.1),
    "price": lambda values: int(values.number(3)),
    "country": lambda values: values.chance.choice([name for name in knowledge.CAPITALS if " " not in name]),
    "id": lambda values: int(values.number(4)),
    "title": Values.word,
    "email": lambda values: f"{values.name().lower()}@mail.com",
    "count": lambda values: int(values.number(2)),
}
_JSON_ASKED = (
    "Give me JSON with {keys} for {values}.", "Return a JSON object with {keys} for {values}.",
    "JSON with {keys} for {values}", "Write JSON with {keys}: {values}",
    "Make a JSON object with {keys} for {values}", "Answer in JSON with {keys} for {values}.",
)  # fmt: skip


def json_object(values: Values) -> Exchange:
    keys = (
        ["name", "age"]
        if values.chance.random() < 0.3
        else values.chance.sample(list(_KEYS), values.chance.randint(1, 3))
    )
    found = {key: _KEYS[key](values) for key in keys}
    listed = keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"
    asked = values.chance.choice(_JSON_ASKED).format(keys=listed, values=", ".join(map(str, found.values())))
    return Exchange(asked, json.dumps(found, ensure_ascii=False), f"I write the keys {listed}.", "json")


SHARES: tuple[tuple[Maker, int], ...] = (
    (documentation, 6),
    (reworded, 8),
    (fact, 6),
    (unknown, 2),
    (copying, 6),
    (counting, 1),
    (json_object, 3),
)


def any_of(values: Values, shares: Sequence[tuple[Maker, int]] = SHARES) -> Exchange:
    makers, weights = zip(*shares, strict=True)
    maker: Maker = values.chance.choices(makers, weights)[0]
    return maker(values)
