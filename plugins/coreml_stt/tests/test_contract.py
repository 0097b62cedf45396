"""The contract of speech providers, kept by the CoreML one in a thread and in a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.testkit.speech_contract import SpeechContract
from tools.speech_model.tunes import spoken

pytestmark = pytest.mark.integration


class TestCoreMLSpeech(SpeechContract):
    provider = "coreml_stt"

    @pytest.fixture(autouse=True)
    def configured(self, published: Path, provider: str) -> None:
        self.provider = provider  # type: ignore[misc]
        self._config = {"model_path": str(published)}

    def settings(self) -> dict[str, Any]:
        return self._config

    def audio(self) -> np.ndarray[Any, Any]:
        return spoken(f"{self.text} _0.5")
