"""The provider contract, through a real worker in a thread and in a child process."""

from __future__ import annotations

import importlib.metadata

import pytest

from heylook_core.testkit import ProviderContract

INSTALLED = bool(importlib.metadata.entry_points(group="heylook.providers", name="mlx"))
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not INSTALLED, reason="heylook-mlx is not installed, so its entry point cannot be found"),
]


class TestMlxProvider(ProviderContract):
    provider = "mlx"

    @pytest.fixture(autouse=True)
    def folder(self, llama):
        self.path = llama

    def settings(self):
        return {"model_path": str(self.path)}
