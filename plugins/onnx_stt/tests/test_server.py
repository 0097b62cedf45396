"""ONNX speech models behind the real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from heylook_core.settings import ModelEntry
from tools.speech_model.suite import TuneServer

pytestmark = pytest.mark.integration


class TestOnnxServer(TuneServer):
    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, model: Path) -> ModelEntry:
        return ModelEntry(id="tunes", provider="onnx_stt", config={"model_path": str(model), "precision": "float"})
