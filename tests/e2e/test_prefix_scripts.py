"""Prefix reuse is invisible: over random conversations every answer is that of a model without it.

Long form: `scripts/soak prefix`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from heylook_core.settings import ModelEntry, TierSettings

pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from conversations import KINDS, RECALL, Script, answered, ask, names, proven, serving

import heylook_demo_model

PROVIDERS = [
    pytest.param(
        name, marks=pytest.mark.skipif(find_spec(f"heylook_{name}") is None, reason=f"{name} is not installed")
    )
    for name in ("mlx", "gguf")
]
SCRIPTS = 30
STEPS = {"mlx": 2, "gguf": 5}
# Few conversations go deep within a script, many have to share the slots.
COUNTS = (2, 4, 10)
LITTLE = 400_000


def entry(provider: str, name: str = "m", **config: Any) -> ModelEntry:
    path = heylook_demo_model.mlx_path() if provider == "mlx" else heylook_demo_model.gguf_path()
    known = {"model_path": str(path), "max_concurrency": 4}
    if provider == "gguf":
        known = {"model_path": str(path), "slots": 4, "n_ctx": 2048}
    return ModelEntry(id=name, provider=provider, placement="thread", config={**known, **config})


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_random_conversations_answer_as_without_reuse(provider: str) -> None:
    async def whole() -> tuple[int, int, Counter[str]]:
        cached, forgot, kinds = 0, 0, Counter[str]()
        async with serving(entry(provider)) as warm, serving(entry(provider), prefix_cache_bytes=0) as cold:
            for seed in range(SCRIPTS):
                script = Script(seed, "m", COUNTS[seed % len(COUNTS)])
                await script.run(warm, cold, STEPS[provider])
                cached += script.cached
                kinds += script.kinds
                forgot += script.forgot
        return cached, forgot, kinds

    cached, forgot, kinds = asyncio.run(whole())
    assert cached > 1000
    assert forgot == 0
    assert min(kinds[kind] for kind in KINDS) >= 3, kinds


@pytest.mark.integration
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_name_that_the_model_learned_to_recall_is_recalled_from_reused_state(provider: str) -> None:
    async def whole() -> int:
        cached = 0
        async with serving(entry(provider)) as core:
            for prompt in proven():
                if prompt["skill"] == "recall":
                    texts = [message["content"] for message in prompt["messages"]]
                    await ask(core, "m", texts[:-2])
                    answer, reused = await ask(core, "m", texts)
                    assert answer == prompt["answer"], texts
                    cached += reused
        return cached

    assert asyncio.run(whole()) > 500


@pytest.mark.integration
@pytest.mark.parametrize("provider", PROVIDERS)
def test_conversations_that_arrive_together_take_over_from_one_of_them_and_answer_as_alone(provider: str) -> None:
    name, pairs = names()[0], answered()
    base = [f"My name is {name}.", f"Nice to meet you, {name}.", *(text for pair in pairs[:5] for text in pair)]
    talks = [[*base, question] for question in (RECALL, pairs[6][0], pairs[7][0], pairs[8][0], RECALL)]

    async def whole() -> tuple[list[tuple[str, int]], list[str]]:
        async with serving(entry(provider)) as warm, serving(entry(provider), prefix_cache_bytes=0) as cold:
            for core in (warm, cold):
                await ask(core, "m", ["What is heylook?"])
            gone = asyncio.create_task(ask(warm, "m", talks[0], cancel=True))
            together = await asyncio.gather(*(ask(warm, "m", talk) for talk in talks))
            await gone
            return together, [(await ask(cold, "m", talk))[0] for talk in talks]

    together, alone = asyncio.run(whole())
    assert [answer for answer, _ in together] == alone
    assert name in alone[0]
    assert sum(cached > 100 for _, cached in together) >= len(talks) - 1


@pytest.mark.integration
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_tiny_budget_with_a_disk_tier_changes_no_answer(provider: str, tmp_path: Path) -> None:
    tier = TierSettings(name="disk", config={"folder": str(tmp_path), "max_bytes": 4_000_000})

    async def whole() -> int:
        async with (
            serving(entry(provider), prefix_cache_bytes=LITTLE, prefix_tier=tier) as warm,
            serving(entry(provider), prefix_cache_bytes=0) as cold,
        ):
            script = Script(100, "m")
            await script.run(warm, cold, 2 * STEPS[provider])
            return script.cached

    pytest.importorskip("heylook_disk_cache", reason="the disk tier is not installed")
    assert asyncio.run(whole()) > 0


@pytest.mark.integration
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("damage", [False, True])
def test_a_restart_finds_conversations_again_unless_their_files_are_damaged(
    provider: str, damage: bool, tmp_path: Path
) -> None:
    pytest.importorskip("heylook_disk_cache", reason="the disk tier is not installed")
    tier = TierSettings(name="disk", config={"folder": str(tmp_path)})
    texts = ["My name is Zorblat.", "Nice to meet you, Zorblat.", "What is heylook?"]
    # Long enough to be worth a read: shorter prefixes are computed anew.
    talk = [*texts, "heylook is a local LLM server built from plugins.", "What is an API dialect?"]
    talk += ["A dialect is a plugin that speaks one API, such as OpenAI or Ollama.", "What is my name?"]

    async def once() -> tuple[str, int]:
        async with serving(entry(provider), prefix_tier=tier) as core:
            return await ask(core, "m", talk)

    cold, _ = asyncio.run(once())
    if damage:
        for path in tmp_path.glob("*/*.kv"):
            path.write_bytes(path.read_bytes()[:-3] + b"???")
    warm, cached = asyncio.run(once())
    assert warm == cold == "Your name is Zorblat."
    assert (cached > 64) != damage


@pytest.mark.integration
@pytest.mark.skipif(find_spec("heylook_mlx") is None, reason="mlx is not installed")
def test_unloading_gives_the_memory_of_kept_prefixes_back() -> None:
    """Asked of MLX itself; a GGUF model leaves with its process."""
    import mlx.core as mx

    async def whole() -> None:
        async with serving(entry("mlx")) as core:
            for number in range(3):
                await ask(core, "m", [f"{number} tell me about heylook"], cancel=number == 1)
            (state,) = await core.residency.refreshed()
            assert state.gauges.kept > 100_000
            assert mx.get_active_memory() - before > state.gauges.kept + state.gauges.weights // 2
            await core.unload("m")
            assert core.residency.states() == []
            gc.collect()
            assert mx.get_active_memory() - before < 10_000

    gc.collect()
    before = mx.get_active_memory()
    asyncio.run(whole())


@pytest.mark.integration
@pytest.mark.skipif(any(find_spec(f"heylook_{name}") is None for name in ("mlx", "gguf")), reason="needs both engines")
def test_swapping_models_in_the_middle_changes_no_answer() -> None:
    async def whole() -> None:
        models = entry("mlx", "mlx"), entry("gguf", "gguf")
        async with (
            serving(*models, max_loaded_models=1) as warm,
            serving(entry("gguf", "gguf"), prefix_cache_bytes=0) as cold,
        ):
            script = Script(200, "gguf")
            for _ in range(3):
                await script.run(warm, cold, 2)
                assert (await ask(warm, "mlx", ["What is heylook?"]))[0].startswith("heylook is")

    asyncio.run(whole())
