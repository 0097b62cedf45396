"""Estimates and figures of the real engines: what is told before a load is what the loaded model holds."""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

from heylook_core.catalog import Catalog
from heylook_core.messages import ChatRequest, Message, Sampling, TextPart
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.provider import Estimate, ModelSpec
from heylook_core.residency import ModelState, estimated
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, Settings

demo = pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
SECONDS = 90.0
MLX = pytest.mark.skipif(find_spec("heylook_mlx") is None, reason="mlx is not installed")
GGUF = pytest.mark.skipif(find_spec("heylook_gguf") is None, reason="gguf is not installed")
CONFIGS = [
    pytest.param("mlx", {}, marks=MLX),
    pytest.param("mlx", {"dtype": "float16"}, marks=MLX),
    pytest.param("mlx", {"max_kv_size": 512, "cache_type": "rotating"}, marks=MLX),
    pytest.param("mlx", {"context": 700}, marks=MLX),
    pytest.param("mlx", {"draft_model_path": "self"}, marks=MLX),
    pytest.param("gguf", {"n_ctx": 1000, "slots": 3}, marks=GGUF),
    pytest.param("gguf", {"n_ctx": 1024, "slots": 2, "type_k": "q8_0", "type_v": "q8_0"}, marks=GGUF),
    pytest.param("gguf", {"n_ctx": 2048, "slots": 4, "kv_unified": True}, marks=GGUF),
]


def entry(provider: str, **config: Any) -> ModelEntry:
    path = str(demo.mlx_path() if provider == "mlx" else demo.gguf_path())
    config = {key: path if value == "self" else value for key, value in config.items()}
    return ModelEntry(id=provider, provider=provider, config={"model_path": path, **config})


async def state_after(serving: Serving, model: str, *texts: str) -> ModelState:
    """What is told of a model after it has answered."""
    for text in texts:
        said = (Message("user", (TextPart(text),)),)
        request = ChatRequest(model=model, messages=said, sampling=Sampling(temperature=0), max_tokens=16)
        run = await serving.open(request, request_id="r", dialect="test")
        await run.collect()
        run.close()
    await serving.states()
    return next(state for state in await serving.states() if state.id == model)


def served(one: ModelEntry, *texts: str, **settings: Any) -> ModelState:
    async def whole() -> ModelState:
        made = Settings(models=(one,), **{"memory_budget": "500MB", **settings})
        plugins = Plugins()
        serving = Serving(made, Catalog(made, plugins), plugins)
        await serving.start()
        try:
            async with asyncio.timeout(SECONDS):
                return await state_after(serving, one.id, *texts)
        finally:
            await serving.close(5.0)

    return asyncio.run(whole())


@pytest.mark.parametrize(("provider", "config"), CONFIGS)
def test_the_estimate_is_what_the_loaded_model_holds(provider: str, config: dict[str, Any]) -> None:
    told = estimated(entry(provider, **config), Plugins())
    assert told is not None
    gauges = served(entry(provider, **config), "hello").gauges
    assert gauges.weights == pytest.approx(told.weights, rel=0.02)
    kv = gauges.allocated or gauges.floor
    assert kv == pytest.approx(told.kv, rel=0.02)


def test_an_estimate_imports_no_backend() -> None:
    names = [name for name in ("mlx", "gguf") if find_spec(f"heylook_{name}") is not None]
    entries = [(entry(name).provider, dict(entry(name).config)) for name in names]
    code = (
        "import sys\n"
        "from heylook_core.plugins import Plugins\n"
        "from heylook_core.residency.estimates import estimated\n"
        "from heylook_core.settings import ModelEntry\n"
        f"for name, config in {entries!r}:\n"
        "    assert estimated(ModelEntry(id=name, provider=name, config=config), Plugins()).total > 10**6\n"
        "assert not {'mlx', 'mlx.core', 'mlx_lm', 'llama_cpp', 'numpy'} & set(sys.modules), sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=SECONDS)


@pytest.mark.parametrize("provider", [pytest.param("mlx", marks=MLX), pytest.param("gguf", marks=GGUF)])
def test_a_model_that_is_not_there_has_no_estimate_and_its_load_says_why(provider: str) -> None:
    gone = ModelEntry(id="gone", provider=provider, config={"model_path": "/nowhere/model"})
    assert estimated(gone, Plugins()) is None


@GGUF
def test_a_cache_that_is_allocated_is_counted_once() -> None:
    """llama.cpp allocates every slot's cache: what is kept in slots takes no further memory, what moves out does."""
    one = entry("gguf", n_ctx=512, slots=2)
    state = served(one, "What is the capital of France?")
    gauges = state.gauges
    assert gauges.allocated > 0
    assert gauges.live_kv == 0
    assert gauges.kept == gauges.in_place > 0
    assert gauges.total == gauges.weights + gauges.allocated
    several = [f"Question {number}: what is the capital of France?" for number in range(6)]
    moved = served(one, *several).gauges
    assert moved.kept_beside == moved.kept - moved.in_place > 0
    assert moved.total == moved.weights + moved.allocated + moved.kept_beside


@MLX
def test_a_cache_that_grows_is_charged_with_its_lease() -> None:
    state = served(entry("mlx"), "What is the capital of France?")
    gauges = state.gauges
    assert (gauges.allocated, gauges.in_place, gauges.live_kv) == (0, 0, 0)
    assert gauges.total == gauges.weights + gauges.kept
    assert state.reserved == 500_000_000


@GGUF
def test_a_context_for_embeddings_counts_as_scratch() -> None:
    from heylook_gguf.config import GgufConfig

    config = entry("gguf", n_ctx=512, slots=1).config
    provider = Plugins().load(PROVIDERS, "gguf")
    model = provider(ModelSpec(id="m", provider="gguf", config=config), GgufConfig(**config)).load()
    try:
        assert model.scratch_bytes() == 0
        from heylook_core.provider import EmbedOptions

        model.embed([[1, 2, 3]], EmbedOptions())
        assert model.scratch_bytes() == 512 * 3072
    finally:
        model.close()


@GGUF
def test_a_model_that_does_not_fit_by_its_header_is_never_loaded() -> None:
    async def whole() -> None:
        made = Settings(models=(entry("gguf", n_ctx=8192, slots=64),), memory_budget="100MB")
        plugins = Plugins()
        serving = Serving(made, Catalog(made, plugins), plugins)
        try:
            with pytest.raises(Exception, match="but memory_budget is 100 MB"):
                await state_after(serving, "gguf", "hello")
            assert [event.decision for event in serving.residency.log.last()] == ["refused"]
        finally:
            await serving.close(5.0)

    asyncio.run(whole())


@MLX
def test_metals_limit_is_asked_of_a_child_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux there is no Metal and so no limit; the child process that a Mac asks runs here as well."""
    from heylook_mlx import estimate

    assert estimate.recommended_working_set() is None or platform.system() == "Darwin"
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    found = estimate.recommended_working_set()
    assert found is None or found > 1 << 30
    monkeypatch.setattr(estimate, "_ASK", "print(5 << 30, end='')")
    assert estimate.recommended_working_set() == 5 << 30
    monkeypatch.setattr(estimate, "_ASK", "raise SystemExit(3)")
    assert estimate.recommended_working_set() is None


def test_the_estimate_of_nothing_is_nothing() -> None:
    assert Estimate(weights=0).total == 0
