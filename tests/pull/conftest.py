"""A hub on loopback with three repositories, and plugins that recognise the toy models in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry

from .hub import StandIn, stand_in

WEIGHTS = random.Random(7).randbytes(300_000)
TOY = b"TOY!" + WEIGHTS


class ToyFiles:
    """Recognises files and folders of toy models: they begin with TOY!. The path is in the description."""

    @hookimpl
    def recognise_model(self, path: Path) -> ModelEntry | None:
        weights = path / "model.safetensors" if path.is_dir() else path
        if not weights.is_file() or weights.read_bytes()[:4] != b"TOY!":
            return None
        return ModelEntry(id=path.name, provider="toy", description=str(path), placement="thread")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """No token and no setting of the developer's own."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nonexistent")
    with stand_in() as running:
        running.repositories = {
            "acme/one": {"one-Q4_K_M.gguf": TOY, "README.md": b"hello"},
            "acme/many": {
                "many-Q4_K_M.gguf": TOY,
                "many-Q8_0.gguf": TOY + b"8",
                "big/many-F16-00001-of-00002.gguf": TOY + b"a",
                "big/many-F16-00002-of-00002.gguf": TOY + b"b",
                "mmproj-many.gguf": TOY,
            },
            "acme/folder": {
                "config.json": b'{"model_type": "toy"}',
                "model.safetensors": TOY,
                "tokenizer.json": b"{}",
                "README.md": b"hello",
                "original/model.safetensors": TOY,
            },
        }
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def plugins() -> Plugins:
    made = Plugins()
    made.add("toyfiles", ToyFiles())
    return made
