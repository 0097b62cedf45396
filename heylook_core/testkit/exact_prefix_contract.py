"""What a model has to show whose state cannot be cut (a sliding window, recurrent layers): exact prefixes or nothing.

    class TestMyWindowModel(ExactPrefixContract):
        @pytest.fixture(scope="class")
        @classmethod
        def entry(cls) -> ModelEntry: ...

A conversation is asked of a server that keeps prefixes and of one that does not; answers have to be the same, and
where less was reused than two prompts share, the reason is told. With the disk tier it is asked across a restart too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from heylook_core.catalog import Catalog
from heylook_core.messages import ChatRequest, Message, Role, Sampling, TextPart
from heylook_core.plugins import Plugins
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, Settings, TierSettings

SYSTEM = "You are the keeper of a lighthouse on a small island, and you answer every letter that comes with the boat."
QUESTION = "Which ships went by this morning, and where were they bound with so much sail in so little wind?"
OTHER = "Who keeps the lamp when you sleep, and what does it burn in a winter when no boat comes for weeks?"
NEXT = "And yesterday?"
# A state is read from a tier if it spares 64 tokens or more.
LONG_SYSTEM = " ".join([SYSTEM] * 4)
TOKENS = 12


class Asked(NamedTuple):
    """An answer, how much of its prompt was reused, and why not more."""

    text: str
    cached: int
    prompt: int
    why: str


class Conversation(NamedTuple):
    trims: bool
    cold: Asked
    repeated: Asked
    continued: Asked
    other_question: Asked
    edited: Asked
    long: Asked


class ExactPrefixContract:
    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls) -> ModelEntry:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def warm(cls, entry: ModelEntry) -> Conversation:
        return asyncio.run(_conversation(entry, 64 << 20))

    @pytest.fixture(scope="class")
    @classmethod
    def without(cls, entry: ModelEntry) -> Conversation:
        return asyncio.run(_conversation(entry, 0))

    def test_the_model_says_that_its_state_cannot_be_cut(self, warm: Conversation) -> None:
        assert not warm.trims

    def test_every_answer_is_that_of_a_server_that_keeps_nothing(
        self, warm: Conversation, without: Conversation
    ) -> None:
        assert [one.text for one in warm[1:]] == [one.text for one in without[1:]]
        assert [one.cached for one in without[1:]] == [0] * 6

    def test_a_prompt_asked_again_reuses_all_but_its_last_token(self, warm: Conversation) -> None:
        assert warm.cold.cached == 0
        assert warm.repeated.cached == warm.repeated.prompt - 1

    def test_the_next_turn_reuses_the_turn_before(self, warm: Conversation) -> None:
        assert warm.cold.prompt // 2 < warm.continued.cached < warm.continued.prompt

    def test_another_question_reuses_the_system_text(self, warm: Conversation) -> None:
        assert 0 < warm.other_question.cached < warm.cold.prompt // 2 + TOKENS

    def test_a_prompt_that_parts_within_a_kept_state_reuses_nothing_and_says_why(self, warm: Conversation) -> None:
        assert warm.edited.cached == 0
        assert "cannot be cut there" in warm.edited.why

    @pytest.mark.skipif(find_spec("heylook_disk_cache") is None, reason="the disk tier is not installed")
    def test_after_a_restart_another_question_goes_on_from_the_system_text(
        self, entry: ModelEntry, without: Conversation, tmp_path: Path
    ) -> None:
        """The state at its end is kept on disk although a longer one begins with it."""
        tier = TierSettings(name="disk", config={"folder": str(tmp_path)})
        asyncio.run(_once(entry, tier, QUESTION))
        found = asyncio.run(_once(entry, tier, OTHER))
        assert found.text == without.long.text
        assert 64 <= found.cached < found.prompt - 1


@asynccontextmanager
async def _serving(entry: ModelEntry, kept: int, tier: TierSettings | None = None) -> AsyncIterator[Serving]:
    settings = Settings(models=(entry,), prefix_cache_bytes=kept, prefix_tier=tier)
    plugins = Plugins()
    serving = Serving(settings, Catalog(settings, plugins), plugins)
    await serving.start()
    try:
        async with asyncio.timeout(120):
            yield serving
    finally:
        await serving.close(grace=10.0)


async def _once(entry: ModelEntry, tier: TierSettings, question: str) -> Asked:
    async with _serving(entry, 64 << 20, tier) as serving:
        return await _ask(serving, entry.id, LONG_SYSTEM, question)


async def _conversation(entry: ModelEntry, kept: int) -> Conversation:
    async with _serving(entry, kept) as serving:
        cold = await _ask(serving, entry.id, SYSTEM, QUESTION)
        repeated = await _ask(serving, entry.id, SYSTEM, QUESTION)
        continued = await _ask(serving, entry.id, SYSTEM, QUESTION, cold.text, NEXT)
        other_question = await _ask(serving, entry.id, SYSTEM, OTHER)
        edited = await _ask(serving, entry.id, SYSTEM.replace("boat", "post"), QUESTION)
        long = await _ask(serving, entry.id, LONG_SYSTEM, OTHER)
        info = serving.residency.states()[0].info
    return Conversation(info is not None and info.trims, cold, repeated, continued, other_question, edited, long)


async def _ask(serving: Serving, model: str, system: str, *talk: str) -> Asked:
    roles: Sequence[Role] = ("user", "assistant", "user")
    messages = [Message("system", (TextPart(system),))]
    messages += [Message(role, (TextPart(text),)) for role, text in zip(roles, talk, strict=False)]
    request = ChatRequest(
        model=model, messages=tuple(messages), sampling=Sampling(temperature=0), max_tokens=TOKENS, ignore_eos=True
    )
    run = await serving.open(request, request_id="r", dialect="test")
    try:
        (choice,) = await run.collect()
    finally:
        run.close()
    if choice.finish is None:
        raise RuntimeError("The answer has no end.")
    usage = choice.finish.usage
    return Asked(choice.text, usage.cached, usage.prompt, choice.finish.reuse)
