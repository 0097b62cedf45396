"""Conversations that are edited, repeated, cut and mixed at random, each answer compared with that of a cold model."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from heylook_core.catalog import Catalog
from heylook_core.messages import ChatRequest, Message, Sampling, TextPart
from heylook_core.plugins import Plugins
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, ServerSettings, Settings

RECALL = "What is my name?"
MOST_TURNS = 4


def proven() -> list[dict[str, Any]]:
    return json.loads((resources.files("heylook_demo_model") / "prompts.json").read_bytes())


def names() -> list[str]:
    """Names that the demo model is proven to recall."""
    first = [prompt["messages"][0]["content"] for prompt in proven() if prompt["messages"][-1]["content"] == RECALL]
    return sorted({text.removeprefix("My name is ").rstrip(".") for text in first if text.startswith("My name is ")})


def questions() -> list[str]:
    """Questions of one turn that it answers."""
    return [
        prompt["messages"][0]["content"]
        for prompt in proven()
        if prompt["skill"] in ("documentation", "fact") and len(prompt["messages"]) == 1
    ]


@asynccontextmanager
async def serving(*models: ModelEntry, **settings: Any) -> AsyncIterator[Serving]:
    """A serving core of its own, unloaded in the end."""
    known = Settings(models=models, server=ServerSettings(), **settings)
    plugins = Plugins()
    core = Serving(known, Catalog(known, plugins), plugins)
    await core.start()
    try:
        yield core
    finally:
        await core.close(grace=20.0)


def request(model: str, texts: list[str]) -> ChatRequest:
    """Texts alternate between user and assistant."""
    messages = tuple(
        Message("user" if number % 2 == 0 else "assistant", (TextPart(text),)) for number, text in enumerate(texts)
    )
    return ChatRequest(model=model, messages=messages, sampling=Sampling(temperature=0), max_tokens=32)


async def ask(core: Serving, model: str, texts: list[str], *, cancel: bool = False) -> tuple[str, int]:
    """Answer and cached tokens; with `cancel`, leave after the first piece and give what had come."""
    run = await core.open(request(model, texts), request_id="r", dialect="test")
    try:
        if cancel:
            events = await anext(run)
            return "".join(getattr(event, "text", "") for event in events), 0
        (choice,) = await run.collect()
    finally:
        run.close()
    assert choice.finish is not None
    return choice.text, choice.finish.usage.cached


@dataclass
class Conversation:
    name: str
    texts: list[str] = field(default_factory=list)

    def restart(self, chance: random.Random) -> None:
        self.name = chance.choice(names())
        self.texts = [f"My name is {self.name}.", f"Nice to meet you, {self.name}."]


@dataclass
class Script:
    """Random actions over several conversations. `cold` remembers what a model without reuse answered."""

    seed: int
    model: str
    count: int = 10
    cached: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.conversations = [Conversation("") for _ in range(self.count)]
        for conversation in self.conversations:
            conversation.restart(self.chance)

    async def run(self, warm: Serving, cold: Serving, steps: int) -> None:
        for _ in range(steps):
            together = self.chance.sample(self.conversations, self.chance.choice((1, 1, 2, 4)))
            await asyncio.gather(*(self.act(warm, cold, conversation) for conversation in together))

    async def act(self, warm: Serving, cold: Serving, conversation: Conversation) -> None:
        if len(conversation.texts) >= 2 * MOST_TURNS:
            conversation.restart(self.chance)
        texts = self._prompt(conversation)
        if self.chance.random() < 0.15:
            await ask(warm, self.model, texts, cancel=True)
        (answer, cached), (expected, _) = await asyncio.gather(
            ask(warm, self.model, texts), ask(cold, self.model, texts)
        )
        assert answer == expected, (self.seed, texts)
        if texts[-1] == RECALL:
            assert conversation.name in answer, (self.seed, texts, answer)
        self.cached += cached
        self.asked += 1
        conversation.texts = [*texts, answer]

    def _prompt(self, conversation: Conversation) -> list[str]:
        """The next prompt: go on, ask for the name, repeat, edit an early question, or leave a turn out."""
        texts = conversation.texts
        kind = self.chance.choice(("turn", "turn", "recall", "recall", "repeat", "edit", "delete"))
        question = RECALL if kind == "recall" else self.chance.choice(questions())
        if kind == "repeat" and len(texts) > 2:
            return texts[:-1]
        if kind == "edit" and len(texts) > 4:
            return [*texts[:2], self.chance.choice(questions()), *texts[3:], question]
        if kind == "delete" and len(texts) > 4:
            return [*texts[:2], *texts[4:], question]
        return [*texts, question]
