"""Questions with their right answers: the held-out set, and one like it to choose settings and checkpoints by.

    python -m tools.demo_model.cases

writes `validation.json` and `held_out.json` beside this file. Both have names, cities and words that training never
shows, wordings of their own for the questions about heylook, and some tools that training does not know. The held-out
set was written before the first training and is never used to choose anything: a test holds its digest.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tools.demo_model import knowledge
from tools.demo_model.conversation import Conversation, Exchange, Turn
from tools.demo_model.documentation import TOPICS
from tools.demo_model.exchanges import (
    QUESTIONS,
    any_of,
    copied,
    copying,
    counting,
    documentation,
    fact,
    json_object,
    unknown,
)
from tools.demo_model.recall import FACTS, SYSTEM_FACTS
from tools.demo_model.scenes import offered_tools, used
from tools.demo_model.tools import FAMILIES, UNSEEN, Family, use
from tools.demo_model.words import HELD_OUT, VALIDATION, Lists, Values

HERE = Path(__file__).parent
VALIDATION_FILE = HERE / "validation.json"
HELD_OUT_FILE = HERE / "held_out.json"
_FILLERS = ((documentation, 4), (fact, 2), (copying, 1), (counting, 1))


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `heylook_demo_model.prompts.Prompt`: what is asked, and the whole text that is right."""

    skill: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    thinking: bool
    answer: str


def read(path: Path) -> tuple[Case, ...]:
    return msgspec.json.decode(path.read_bytes(), type=tuple[Case, ...])


def case(skill: str, found: Conversation) -> Case:
    """The last turn of the conversation is the answer."""
    *before, last = found.turns
    asked = Conversation(before, found.system, found.tools, found.thinks)
    answer = last.answer() if last.thought is None else f"<think>{last.answer()}"
    return Case(skill, asked.messages(), found.tools, found.thinks, answer)


class CaseSet:
    """Makes the cases of one set, always the same ones. `wording` says which of the unseen wordings are its own."""

    def __init__(self, seed: str, lists: Lists, wording: int) -> None:
        self._values = Values(random.Random(seed), lists)
        self._wording = wording

    def cases(self) -> Iterator[Case]:
        yield from self._documentation()
        yield from self._knowledge()
        yield from self._recall()
        yield from self._writing()
        yield from self._tools()
        yield from self._thinking()

    def _documentation(self) -> Iterator[Case]:
        for topic, questions in QUESTIONS:
            yield self._one("documentation", Exchange(self._values.chance.choice(questions), topic.answer, "", ""))
        for topic in TOPICS:
            asked = (topic.validation, topic.held_out)[self._wording]
            yield self._one("documentation, new wording", Exchange(asked, topic.answer, "", ""))

    def _knowledge(self) -> Iterator[Case]:
        for country, capital in knowledge.CAPITALS.items():
            yield self._one("fact", Exchange(f"What is the capital of {country}?", capital, "", ""))
        yield from self._many("fact", fact, 30)
        for asked, answers in (
            (knowledge.CAPITAL_UNSEEN, knowledge.CAPITALS),
            (knowledge.OPPOSITE_UNSEEN, {word: other.capitalize() for word, other in knowledge.OPPOSITES.items()}),
            (knowledge.COLOUR_UNSEEN, knowledge.COLOURS_OF),
        ):
            for about, answer in answers.items():
                question = asked[self._wording].format(about)
                yield self._one("fact, new wording", Exchange(question, answer, "", ""))
        yield from self._many("unknown", unknown, 30)

    def _recall(self) -> Iterator[Case]:
        others = [kind for kind in FACTS if kind != "name"]
        for _ in range(60):
            yield self._told("recall of a name", ["name"], range(4))
        for _ in range(60):
            yield self._told("recall of another fact", others, range(4))
        for _ in range(50):
            yield self._told("recall over 14 to 22 turns", list(FACTS), range(14, 23))
        for _ in range(40):
            yield self._told("recall of one of two facts", list(FACTS), range(2), facts=2)
        for _ in range(60):
            yield self._system()
        for _ in range(30):
            kind = FACTS[self._values.chance.choice(list(FACTS))]
            yield self._after("fact never told", self._fillers(range(2)), kind.ask(self._values, None))

    def _writing(self) -> Iterator[Case]:
        for least, most in ((2, 4), (5, 7)):
            for _ in range(50):
                text = self._values.words(least, most)
                yield self._one(f"copying {least} to {most} words", copied(self._values, text))
        yield from self._many("JSON", json_object, 60)
        yield from self._many("counting", counting, 30)

    def _tools(self) -> Iterator[Case]:
        for count, name in ((1, "one tool"), (2, "two tools"), (3, "three tools")):
            for _ in range(40):
                yield self._call(f"call, {name}", FAMILIES, count)[0]
        for _ in range(30):
            yield self._call("call, tools not in training", UNSEEN, 2)[0]
        for _ in range(40):
            yield self._call("answer from a tool's result", FAMILIES, self._values.chance.randint(1, 3))[1]
        for _ in range(30):
            tools = [tool.schema() for tool in offered_tools(self._values)]
            turns = any_of(self._values, ((documentation, 3), (copying, 1), (json_object, 1))).turns()
            yield case("no tool needed", Conversation(turns, tools=tools))

    def _thinking(self) -> Iterator[Case]:
        shares = ((documentation, 2), (fact, 2), (copying, 2), (json_object, 1), (counting, 1))
        for _ in range(60):
            turns = any_of(self._values, shares).turns(thinks=True)
            yield case("thinking and answer", Conversation(turns, thinks=True))

    def _one(self, skill: str, exchange: Exchange) -> Case:
        return self._after(skill, [], exchange)

    def _many(self, skill: str, maker: Callable[[Values], Exchange], count: int) -> Iterator[Case]:
        return (self._one(skill, maker(self._values)) for _ in range(count))

    def _after(self, skill: str, before: list[Exchange], last: Exchange) -> Case:
        turns = [turn for exchange in (*before, last) for turn in exchange.turns()]
        return case(skill, Conversation(turns))

    def _fillers(self, counts: Sequence[int]) -> list[Exchange]:
        return [any_of(self._values, _FILLERS) for _ in range(self._values.chance.choice(counts))]

    def _told(self, skill: str, kinds: list[str], between: Sequence[int], facts: int = 1) -> Case:
        """Facts, other turns, then a question about one of the facts."""
        chosen = self._values.chance.sample(kinds, facts)
        told = {kind: FACTS[kind].value(self._values) for kind in chosen}
        before = [FACTS[kind].tell(self._values, value) for kind, value in told.items()]
        last = FACTS[chosen[0]].ask(self._values, told[chosen[0]])
        return self._after(skill, [*before, *self._fillers(between)], last)

    def _system(self) -> Case:
        kind = SYSTEM_FACTS[self._values.chance.choice(list(SYSTEM_FACTS))]
        value = kind.value(self._values)
        said = self._values.chance.choice(kind.told).format(value)
        exchanges = [*self._fillers((0, 0, 1, 2)), kind.ask(self._values, value)]
        turns = [turn for exchange in exchanges for turn in exchange.turns()]
        return case("fact of the system prompt", Conversation(turns, system=said))

    def _call(self, skill: str, families: Sequence[Family], count: int) -> tuple[Case, Case]:
        """The call, and what is said about its result."""
        tools = offered_tools(self._values, families, (count,))
        turns: list[Turn] = used(use(self._values, self._values.chance.choice(tools)))
        schemas = [tool.schema() for tool in tools]
        call, told = (case(skill, Conversation(turns[:end], tools=schemas)) for end in (2, 4))
        return call, told


def validation() -> list[Case]:
    return list(CaseSet("validation", VALIDATION, 0).cases())


def held_out() -> list[Case]:
    return list(CaseSet("held out", HELD_OUT, 1).cases())


def write(cases: Sequence[Case], path: Path) -> None:
    """One case a line, so that a change can be seen."""
    lines = (json.dumps(msgspec.to_builtins(one), ensure_ascii=False) for one in cases)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for path, cases in ((VALIDATION_FILE, validation()), (HELD_OUT_FILE, held_out())):
        write(cases, path)
        print(path.name, dict(Counter(one.skill for one in cases)))


if __name__ == "__main__":
    main()
