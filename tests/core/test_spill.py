"""The disk tier behind a worker: prefixes survive eviction, unloading and a restart, and text stays the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from heylook_core.catalog import Catalog
from heylook_core.messages import ChatRequest, Message, Sampling, TextPart
from heylook_core.plugins import Plugins
from heylook_core.provider import EmbedOptions
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, Settings, TierSettings

pytest.importorskip("heylook_disk_cache", reason="the disk tier is not installed")

LONG = "tell me everything about the sea and the ships on it " * 8


# A model that embeds and does not write, as a BERT does: there is nothing to keep prefixes of.
ENCODER = """
from heylook_core.testkit.toy import ToyModel, ToyProvider

class Encoder(ToyModel):
    def lanes(self):
        return []

class EncoderProvider(ToyProvider):
    def load(self):
        return Encoder(self.config)
"""


def chat(text: str, model: str = "toy", system: str = "") -> ChatRequest:
    messages = [Message("system", (TextPart(system),))] if system else []
    messages.append(Message("user", (TextPart(text),)))
    return ChatRequest(model=model, messages=tuple(messages), sampling=Sampling(temperature=0), max_tokens=12)


def serve(
    folder: Path | None,
    scenario: Callable[[Serving], Awaitable[None]],
    *,
    placement: str = "thread",
    kept: int = 1 << 20,
    names: tuple[str, ...] = ("toy",),
    max_loaded: int = 2,
    provider: str = "toy",
    trims: bool = True,
) -> None:
    async def whole() -> None:
        tier = TierSettings(name="disk", config={"folder": str(folder)}) if folder is not None else None
        config = {"trims": trims}
        models = tuple(
            ModelEntry(id=name, provider=provider, placement=placement, config=config)  # type: ignore[arg-type]
            for name in names
        )
        settings = Settings(models=models, prefix_cache_bytes=kept, prefix_tier=tier, max_loaded_models=max_loaded)
        plugins = Plugins()
        serving = Serving(settings, Catalog(settings, plugins), plugins)
        await serving.start()
        try:
            async with asyncio.timeout(60):
                await scenario(serving)
        finally:
            await serving.close(grace=10.0)

    asyncio.run(whole())


async def answer(serving: Serving, request: ChatRequest) -> tuple[str, int]:
    """Text, and how many prompt tokens came from a kept prefix."""
    run = await serving.open(request, request_id="r", dialect="test")
    try:
        (choice,) = await run.collect()
    finally:
        run.close()
    assert choice.finish is not None
    return choice.text, choice.finish.usage.cached


@pytest.mark.parametrize("placement", ["thread", "process"])
def test_a_prefix_survives_a_restart(tmp_path: Path, placement: str) -> None:
    texts: list[tuple[str, int]] = []

    async def scenario(serving: Serving) -> None:
        texts.append(await answer(serving, chat(LONG)))

    serve(tmp_path, scenario, placement=placement)
    serve(tmp_path, scenario, placement=placement)
    (cold, nothing), (warm, cached) = texts
    assert warm == cold
    assert nothing == 0
    assert cached > 400


def test_where_states_cannot_be_cut_another_question_goes_on_from_the_system_text_after_a_restart(
    tmp_path: Path,
) -> None:
    answers: list[tuple[str, int]] = []

    async def first(serving: Serving) -> None:
        await answer(serving, chat("Which ships went by?", system=LONG))

    async def then(serving: Serving) -> None:
        answers.append(await answer(serving, chat("Who keeps the lamp?", system=LONG)))

    serve(tmp_path, first, trims=False)
    serve(tmp_path, then, trims=False)
    serve(None, then, trims=False)
    (warm, cached), (cold, nothing) = answers
    assert warm == cold
    assert cached > 400
    assert nothing == 0


def test_a_model_that_only_embeds_loads_with_a_tier(tmp_path: Path, site) -> None:
    entry_points = "[heylook.providers]\nencoder = encoder_only:EncoderProvider\n"
    site.install("heylook-encoder", entry_points, encoder_only=ENCODER)

    async def scenario(serving: Serving) -> None:
        vectors = await serving.embed("toy", ["a"], EmbedOptions(), request_id="e", dialect="test")
        assert vectors.rows == 1

    serve(tmp_path / "tier", scenario, provider="encoder")


def test_a_prefix_survives_a_swap_of_models(tmp_path: Path) -> None:
    async def scenario(serving: Serving) -> None:
        cold, _ = await answer(serving, chat(LONG, "a"))
        await answer(serving, chat("something else", "b"))
        assert serving.residency.resident("a") is None
        warm, cached = await answer(serving, chat(LONG, "a"))
        assert warm == cold
        assert cached > 400

    serve(tmp_path, scenario, names=("a", "b"), max_loaded=1)


def test_what_memory_has_no_room_for_comes_back_from_the_tier(tmp_path: Path) -> None:
    async def scenario(serving: Serving) -> None:
        cold = [await answer(serving, chat(f"{number} {LONG}")) for number in range(4)]
        warm = [await answer(serving, chat(f"{number} {LONG}")) for number in range(4)]
        assert [text for text, _ in warm] == [text for text, _ in cold]
        assert all(cached > 400 for _, cached in warm)

    serve(tmp_path, scenario, kept=40_000)


def test_without_a_tier_evicted_prefixes_are_gone() -> None:
    async def scenario(serving: Serving) -> None:
        for number in range(4):
            await answer(serving, chat(f"{number} {LONG}"))
        _, cached = await answer(serving, chat(f"0 {LONG}"))
        assert cached < 400

    serve(None, scenario, kept=40_000)


async def refusals(serving: Serving) -> dict[str, str]:
    """Why a model that is loaded goes on without the tier; empty where it has one."""
    return {state.id: state.gauges.tier_refused for state in await serving.residency.refreshed()}


def test_a_folder_in_use_is_refused_and_the_model_serves_without(tmp_path: Path) -> None:
    async def outer(first: Serving) -> None:
        cold, _ = await answer(first, chat(LONG))

        async def inner(second: Serving) -> None:
            assert await answer(second, chat(LONG)) == (cold, 0)
            assert "keeps prefixes" in (await refusals(second))["toy"]

        await asyncio.to_thread(serve, tmp_path, inner)
        assert await refusals(first) == {"toy": ""}

    serve(tmp_path, outer)


def test_of_two_models_that_are_the_same_one_has_the_tier_and_both_answer_alike(tmp_path: Path) -> None:
    async def scenario(serving: Serving) -> None:
        cold, _ = await answer(serving, chat(f"0 {LONG}", "a"))
        assert await answer(serving, chat(f"0 {LONG}", "b")) == (cold, 0)
        refused = await refusals(serving)
        assert refused["a"] == ""
        assert refused["b"]
        for number in range(4):
            await answer(serving, chat(f"{number} {LONG}", "a"))
        text, cached = await answer(serving, chat(f"0 {LONG}", "a"))
        assert text == cold
        assert cached > 400

    serve(tmp_path, scenario, names=("a", "b"), kept=80_000)


def test_damaged_files_are_as_if_nothing_was_kept(tmp_path: Path) -> None:
    texts: list[str] = []

    async def scenario(serving: Serving) -> None:
        text, cached = await answer(serving, chat(LONG))
        assert cached == 0
        texts.append(text)

    serve(tmp_path, scenario)
    for path in tmp_path.glob("*/*.kv"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    serve(tmp_path, scenario)
    assert texts[0] == texts[1]
