"""The speech model of tools/speech_model as ONNX files."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tools.speech_model.onnx_files import write


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both precisions; not to be changed."""
    return write(tmp_path_factory.mktemp("models") / "tunes")
