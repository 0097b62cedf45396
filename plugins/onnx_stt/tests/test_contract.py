"""The contract of speech providers, kept by the ONNX one with both precisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from heylook_core.testkit.speech_contract import SpeechContract
from tools.speech_model.tunes import spoken


class TestOnnxSpeech(SpeechContract):
    provider = "onnx_stt"
    precision: ClassVar[str] = "float"

    @pytest.fixture(autouse=True)
    def configured(self, model: Path) -> None:
        self._config = {"model_path": str(model), "precision": self.precision}

    def settings(self) -> dict[str, Any]:
        return self._config

    def audio(self) -> np.ndarray[Any, Any]:
        return spoken(f"{self.text} _0.5")


class TestOnnxSpeechOf8Bits(TestOnnxSpeech):
    precision = "int8"
    placements = ("thread",)
