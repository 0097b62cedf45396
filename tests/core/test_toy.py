"""The toy provider fulfils the contracts that every backend has to fulfil."""

from __future__ import annotations

import pytest

from heylook_core.provider import Model, ModelSpec
from heylook_core.testkit.engine_contract import EngineContract
from heylook_core.testkit.provider_contract import ProviderContract
from heylook_core.testkit.toy import ToyConfig, ToyProvider


def toy_model(**config: object) -> Model:
    return ToyProvider(ModelSpec(id="toy", provider="toy"), ToyConfig(**config)).load()


class TestToyEngine(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        model = toy_model()
        yield model
        model.close()


class TestUntrimmableToyEngine(EngineContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        model = toy_model(trims=False)
        yield model
        model.close()


class TestToyProvider(ProviderContract):
    provider = "toy"


class TestScriptedProvider(ProviderContract):
    provider = "scripted"
    prompt = "say one two three four five six seven eight nine ten"
