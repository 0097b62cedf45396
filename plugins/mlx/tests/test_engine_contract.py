"""The engine contract on every lane and kind of cache."""

from __future__ import annotations

import pytest

from heylook_core.testkit import EngineContract

pytestmark = pytest.mark.integration


def loaded(provider):
    model = provider.load()
    yield model
    model.close()


class TestLlama(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, provider_of, llama):
        yield from loaded(provider_of(llama))


class TestQwen3(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, provider_of, qwen3):
        yield from loaded(provider_of(qwen3))


class TestDemoModel(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, provider_of, demo):
        yield from loaded(provider_of(demo))


class TestFourBits(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, provider_of, quantised):
        yield from loaded(provider_of(quantised))


class TestRotatingCache(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, provider_of, llama):
        yield from loaded(provider_of(llama, cache_type="rotating", max_kv_size=48))


class TestQuantisedCache(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, provider_of, llama):
        yield from loaded(provider_of(llama, kv_bits=8, kv_group_size=32, quantized_kv_start=24))


class TestDraftModel(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, provider_of, llama, other_llama):
        yield from loaded(provider_of(llama, draft_model_path=str(other_llama), num_draft_tokens=3))
