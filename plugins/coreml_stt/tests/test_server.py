"""CoreML speech models behind the real server: recordings of every kind, the official client, live speech."""

from __future__ import annotations

from pathlib import Path

import pytest

from heylook_core.settings import ModelEntry
from tools.speech_model.suite import TuneServer

pytestmark = pytest.mark.integration


class TestCoreMLServer(TuneServer):
    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, published: Path, provider: str) -> ModelEntry:
        return ModelEntry(id="tunes", provider=provider, config={"model_path": str(published)})
