"""Models whose KV state cannot be cut, of mlx-lm's own classes with random weights: exact prefixes or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from heylook_core.settings import ModelEntry
from heylook_core.testkit.exact_prefix_contract import ExactPrefixContract

pytestmark = pytest.mark.integration


def entry_of(folder: Path, **config: object) -> ModelEntry:
    return ModelEntry(id="m", provider="mlx", placement="thread", config={"model_path": str(folder), **config})


class TestSlidingWindow(ExactPrefixContract):
    """Gemma 3: every other layer sees the last 32 tokens only."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, make_model: Callable[[str], Path]) -> ModelEntry:
        return entry_of(make_model("gemma3_text"))


class TestHybrid(ExactPrefixContract):
    """LFM2: convolutions with a state, and an attention layer."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, make_model: Callable[[str], Path]) -> ModelEntry:
        return entry_of(make_model("lfm2"))


class TestRecurrent(ExactPrefixContract):
    """Mamba: no attention at all."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, make_model: Callable[[str], Path]) -> ModelEntry:
        return entry_of(make_model("mamba"))


class TestRotating(ExactPrefixContract):
    """A Llama that was told to forget."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, llama: Path) -> ModelEntry:
        return entry_of(llama, cache_type="rotating", max_kv_size=48)
