"""Conversations that are edited, repeated, cut and mixed at random, each answer compared with that of a cold model."""

from __future__ import annotations

import asyncio
import functools
import json
import random
from collections import Counter
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
ALWAYS = ("turn", "recall", "recall", "twice", "cancel")
LATER = ("regenerate", "edit", "delete", "trim")
KINDS = (*ALWAYS, *LATER)
"""What may be done with a conversation; `LATER` in one that has gone on for a while, and there more often than not."""


@functools.cache
def proven() -> list[dict[str, Any]]:
    return json.loads((resources.files("heylook_demo_model") / "prompts.json").read_bytes())


def names() -> list[str]:
    """Names that the demo model is proven to recall."""
    first = [prompt["messages"][0]["content"] for prompt in proven() if prompt["messages"][-1]["content"] == RECALL]
    return sorted({text.removeprefix("My name is ").rstrip(".") for text in first if text.startswith("My name is ")})


def answered() -> list[tuple[str, str]]:
    """Questions of one turn, with its answers."""
    return [
        (prompt["messages"][0]["content"], prompt["answer"])
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
        """A new one, that may have gone on for a turn or two."""
        self.name = chance.choice(names())
        self.texts = [f"My name is {self.name}.", f"Nice to meet you, {self.name}."]
        for question, answer in chance.sample(answered(), chance.choice((0, 1, 2, 2))):
            self.texts += [question, answer]


@dataclass
class Script:
    """Random actions over several conversations; each answer is compared with that of a model without reuse.

    `kinds` counts what was done, `cached` the prompt tokens that were reused, `asked` the answers compared, `forgot`
    those in which the model itself, without reuse too, did not get the name right.
    """

    seed: int
    model: str
    count: int = 10
    cached: int = 0
    asked: int = 0
    forgot: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.conversations = [Conversation("") for _ in range(self.count)]
        for conversation in self.conversations:
            conversation.restart(self.chance)

    async def run(self, warm: Serving, cold: Serving, steps: int) -> None:
        for _ in range(steps):
            together = self.chance.sample(self.conversations, min(self.chance.choice((1, 1, 2, 4)), self.count))
            await asyncio.gather(*(self.act(warm, cold, conversation) for conversation in together))

    async def act(self, warm: Serving, cold: Serving, conversation: Conversation) -> None:
        """One action. All random choices are made before anything is waited for, so a seed is one script."""
        if len(conversation.texts) >= 2 * MOST_TURNS:
            conversation.restart(self.chance)
        kind, texts, further = self._chosen(conversation)
        self.kinds[kind] += 1
        if kind == "cancel":
            partial, _ = await ask(warm, self.model, texts, cancel=True)
            texts = [*texts, partial, further] if partial.strip() else texts
        if kind == "twice":
            await self._compare(warm, cold, texts)
        answer = await self._compare(warm, cold, texts)
        self.forgot += texts[-1] == RECALL and conversation.name not in answer
        conversation.texts = [*texts, answer]

    async def _compare(self, warm: Serving, cold: Serving, texts: list[str]) -> str:
        (answer, cached), (expected, none) = await asyncio.gather(
            ask(warm, self.model, texts), ask(cold, self.model, texts)
        )
        assert none == 0
        assert answer == expected, (self.seed, texts, cached)
        self.cached += cached
        self.asked += 1
        return answer

    def _chosen(self, conversation: Conversation) -> tuple[str, list[str], str]:
        """What is done, the prompt of it, and a further question."""
        texts = conversation.texts
        question, further = self._questions()
        kind = self.chance.choice((*ALWAYS, *LATER, *LATER) if len(texts) > 4 else ALWAYS)
        if kind == "recall":
            return kind, [*texts, RECALL], further
        if kind == "regenerate":
            return kind, texts[:-1], further
        if kind == "edit":
            return kind, [*texts[:2], further, *texts[3:], question], further
        if kind == "delete":
            return kind, [*texts[:2], *texts[4:], question], further
        if kind == "trim":
            return kind, [*texts[:2], question], further
        return kind, [*texts, question], further

    def _questions(self) -> list[str]:
        return [question for question, _ in self.chance.sample(answered(), 2)]
