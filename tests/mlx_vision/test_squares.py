"""A model that was trained to see (`tools/vision_model`): the colours it tells are right, over HTTP."""

from __future__ import annotations

import pytest

from heylook_core.settings import ModelEntry
from tools.vision_model.suite import FOLDER, MODEL, SquareServer

pytestmark = pytest.mark.integration


class TestMlxServer(SquareServer):
    @pytest.fixture(scope="class")
    @classmethod
    def entries(cls) -> tuple[ModelEntry, ...]:
        return (ModelEntry(id=MODEL, provider="mlx", config={"model_path": str(FOLDER)}, placement="process"),)
