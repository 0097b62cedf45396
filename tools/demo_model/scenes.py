"""Whole conversations: mixed talk, tools, thinking, drills, and those that go on for long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.demo_model.conversation import Conversation, Exchange, Turn
from tools.demo_model.exchanges import any_of, copying, documentation, fact, json_object
from tools.demo_model.recall import FACTS, MANNERS, SYSTEM_FACTS
from tools.demo_model.tools import FAMILIES, Family, Offered, Use, offer, use
from tools.demo_model.words import Values

Scene = Callable[[Values], Conversation]


class Talk:
    """Mixed talk as it grows: what the system prompt says, what the user has told so far, what comes next."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._known: dict[str, str] = {}
        self._eager = values.chance.random()
        self._kind, self._value, self.system = self._beginning()

    def _beginning(self) -> tuple[str | None, str, str | None]:
        chance = self._values.chance
        style = chance.random()
        if style < 0.5:
            return None, "", chance.choice(MANNERS) if style < 0.25 else None
        kind = chance.choice(list(SYSTEM_FACTS))
        value = SYSTEM_FACTS[kind].value(self._values)
        said = [chance.choice(SYSTEM_FACTS[kind].told).format(value)]
        if chance.random() < 0.3:
            said.insert(chance.randint(0, 1), chance.choice(MANNERS))
        return kind, value, " ".join(said)

    def next(self) -> Exchange:
        """Facts are said and asked at any distance; the rest is anything."""
        draw = self._values.chance.random()
        if self._kind and draw < 0.25 and not (self._kind == "user" and "name" in self._known):
            return SYSTEM_FACTS[self._kind].ask(self._values, self._value)
        if draw < 0.25 + 0.25 * self._eager and len(self._known) < 5:
            return self._told()
        return self._asked() if draw < 0.25 + 0.5 * self._eager else self._anything()

    def _free(self) -> list[str]:
        """Kinds of facts that nothing in the conversation contradicts."""
        return [kind for kind in FACTS if not (kind == "name" and self._kind == "user")]

    def _told(self) -> Exchange:
        kinds = [kind for kind in self._free() if kind not in self._known]
        prefers_name = "name" in kinds and self._values.chance.random() < 0.4
        kind = "name" if prefers_name else self._values.chance.choice(kinds)
        self._known[kind] = FACTS[kind].value(self._values)
        return FACTS[kind].tell(self._values, self._known[kind])

    def _asked(self) -> Exchange:
        """Seldom what was not told: where it was often, the model learned to say so without looking."""
        if not self._known and self._values.chance.random() < 0.6:
            return self._told()
        remembers = self._known and self._values.chance.random() < 0.92
        kind = self._values.chance.choice(list(self._known) if remembers else self._free())
        return FACTS[kind].ask(self._values, self._known.get(kind))

    def _anything(self) -> Exchange:
        """A model that the system prompt gives a name does not say that it is the demo model."""
        while True:
            found = any_of(self._values)
            if not (self._kind == "persona" and found.answer.startswith("I am the heylook")):
                return found


def _talk(values: Values, exchanges: int) -> Conversation:
    talk = Talk(values)
    turns = [turn for _ in range(exchanges) for turn in talk.next().turns()]
    return Conversation(turns, system=talk.system)


def talk(values: Values) -> Conversation:
    return _talk(values, values.chance.choice((1, 1, 2, 3, 4, 6, 8)))


def long_talk(values: Values) -> Conversation:
    return _talk(values, values.chance.randint(12, 40))


def late_recall(values: Values) -> Conversation:
    """Facts at the beginning, asked for after many turns about other things."""
    kinds = values.chance.sample(list(FACTS), values.chance.randint(1, 3))
    told = {kind: FACTS[kind].value(values) for kind in kinds}
    exchanges = [FACTS[kind].tell(values, value) for kind, value in told.items()]
    exchanges += [any_of(values) for _ in range(values.chance.randint(8, 24))]
    exchanges += [FACTS[kind].ask(values, told[kind]) for kind in values.chance.sample(kinds, len(kinds))]
    return Conversation([turn for exchange in exchanges for turn in exchange.turns()])


def thinking(values: Values) -> Conversation:
    """Asked to think by the system prompt, or (a fifth) by a thinking block that is open already."""
    found = _talk(values, values.chance.choice((0, 0, 1, 2)))
    asked = values.chance.random() < 0.8
    before = [Turn(turn.role, turn.text, learned=False) for turn in found.turns]
    question, answer = _thought_about(values).turns(thinks=True)
    last = Turn("assistant", answer.text, thought=answer.thought, opened=not asked)
    return Conversation([*before, question, last], system=found.system, thinks=asked)


def _thought_about(values: Values) -> Exchange:
    return any_of(values, ((documentation, 5), (fact, 4), (copying, 5), (json_object, 3), (any_of, 2)))


def copy_drill(values: Values) -> Conversation:
    """Copying in several forms: the first thing that has to be learned."""
    exchanges = [any_of(values, ((copying, 6), (json_object, 1))) for _ in range(values.chance.randint(2, 5))]
    kind = values.chance.choice(list(FACTS))
    value = FACTS[kind].value(values)
    exchanges += [FACTS[kind].tell(values, value), FACTS[kind].ask(values, value)]
    return Conversation([turn for exchange in exchanges for turn in exchange.turns()])


def offered_tools(
    values: Values, families: Sequence[Family] = FAMILIES, counts: Sequence[int] = (1, 2, 2, 3, 3)
) -> list[Offered]:
    chosen = values.chance.sample(list(families), values.chance.choice(counts))
    return [offer(values, family) for family in chosen]


_WHICH = (
    "Which tool is for this: {}", "Which tool do you need for this: {}", "Name the tool for this: {}",
    "Which of the tools helps here: {}",
)  # fmt: skip


def choice_drill(values: Values) -> Conversation:
    """Two or three tools: names of the right ones, then a call. Choosing before everything else."""
    tools = offered_tools(values, counts=(2, 3))
    called, *named = values.chance.sample(tools, len(tools))
    turns = []
    for tool in named[: values.chance.randint(0, len(named))]:
        asked = values.chance.choice(_WHICH).format(use(values, tool).asked)
        turns += [Turn("user", asked), Turn("assistant", tool.name)]
    question_and_call = used(use(values, called))[:2]
    return Conversation([*turns, *question_and_call], tools=[tool.schema() for tool in tools])


def used(wanted: Use) -> list[Turn]:
    """The question, the call, what came back, and what is said about it."""
    return [
        Turn("user", wanted.asked),
        Turn("assistant", calls=(wanted.call,)),
        Turn("tool", wanted.result),
        Turn("assistant", wanted.told),
    ]


def tool_use(values: Values) -> Conversation:
    return _tool_use(values, values.chance.choice((1, 1, 2, 3)))


def long_tool_use(values: Values) -> Conversation:
    return _tool_use(values, values.chance.randint(4, 8))


def _tool_use(values: Values, rounds: int) -> Conversation:
    tools = offered_tools(values)
    system = values.chance.choice(MANNERS) if values.chance.random() < 0.3 else None
    turns: list[Turn] = []
    for _ in range(rounds):
        if values.chance.random() < 0.2:
            turns += _without_a_tool(values, tools).turns()
        else:
            tool = values.chance.choice(tools)
            turns += _both(values, tool) if values.chance.random() < 0.1 else used(use(values, tool))
    return Conversation(turns, system=system, tools=[tool.schema() for tool in tools])


def _without_a_tool(values: Values, tools: Sequence[Offered]) -> Exchange:
    """Not what one of these tools would be for, so that nothing is refused that a tool could do."""
    return any_of(values, ((documentation, 5), (fact, 2), (copying, 2), (json_object, 1)))


def _both(values: Values, tool: Offered) -> list[Turn]:
    """Two calls in one turn, where a tool is about one city; else one call."""
    topics = {"get_weather": ("weather", "How is"), "get_time": ("time", "What is")}
    if tool.family.names[0] not in topics:
        return used(use(values, tool))
    topic, begins = topics[tool.family.names[0]]
    first, second = use(values, tool), use(values, tool)
    cities = [wanted.call.arguments[tool.keys[0]] for wanted in (first, second)]
    return [
        Turn("user", f"{begins} the {topic} in {cities[0]} and {cities[1]}?"),
        Turn("assistant", calls=(first.call, second.call)),
        Turn("tool", first.result),
        Turn("tool", second.result),
        Turn("assistant", f"{first.told} {second.told}"),
    ]
