"""Random models that see, one of each way to do so: positions in a plane, features for several layers, plain."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

# Without it the first sampled tokens wait seconds for g++ on machines without Metal.
os.environ.setdefault("MLX_DISABLE_COMPILE", "1")

import msgspec
import pytest
from PIL import Image

from heylook_core.media.images.decode import picture_of
from heylook_core.messages import ChatRequest, ImagePart, Message, Part, Picture, TextPart
from heylook_core.provider import ModelSpec

from .models import write_model

if TYPE_CHECKING:
    from heylook_mlx.provider import MlxProvider

# Only where both are installed: pip install 'heylook-mlx[vision]'
if find_spec("mlx_vlm") is None or find_spec("heylook_mlx") is None:
    collect_ignore_glob = ["test_*.py"]

Provide: TypeAlias = "Callable[..., MlxProvider]"


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (56, 84)) -> Picture:
    return picture_of(Image.new("RGB", size, colour))


RED, BLUE = picture((255, 0, 0)), picture((0, 0, 255), (112, 56))
STRIPES = picture_of(Image.linear_gradient("L").resize((70, 90)).convert("RGB"))


def user(*parts: str | Picture) -> Message:
    return Message("user", tuple(_part(part) for part in parts))


def _part(part: str | Picture) -> Part:
    return TextPart(part) if isinstance(part, str) else ImagePart(picture=part)


def request(*messages: Message) -> ChatRequest:
    return ChatRequest(model="m", messages=messages)


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a model of one kind, written once."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = write_model(tmp_path_factory.mktemp("models") / kind, kind)
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def provide() -> Provide:
    """A provider for a folder, not loaded."""

    def make(folder: Path, **settings: Any) -> MlxProvider:
        from heylook_mlx.provider import MlxProvider

        config = {"model_path": str(folder), **settings}
        return MlxProvider(
            ModelSpec(id="m", provider="mlx", config=config), msgspec.convert(config, MlxProvider.Config)
        )

    return make
