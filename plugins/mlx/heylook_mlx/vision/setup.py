"""A loaded model that sees, put together: its pictures, their encoder and its engine. Engine thread only."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from heylook_core.errors import HeylookError, LoadFailed
from heylook_core.messages import Picture
from heylook_mlx.caches import Footprint, leaves
from heylook_mlx.vision.engine import VisionEngine
from heylook_mlx.vision.features import Encoder
from heylook_mlx.vision.folder import processor_settings
from heylook_mlx.vision.loading import LoadedVision
from heylook_mlx.vision.pictures import Pictures

SIDE = 64
GREY = b"\x80\x80\x80"


def vision_engine(
    loaded: LoadedVision, pictures: Pictures, caches: list[Any], vocabulary: int, rows: int
) -> VisionEngine:
    """Raises LoadFailed for an architecture whose images cannot be computed here, after trying one."""
    kind = str(loaded.config.get("model_type", ""))
    if not all(hasattr(cache, "merge") for cache in leaves(caches)):
        raise _refused(loaded, "its KV cache cannot be batched")
    encoder = Encoder(loaded.whole, kind, pictures)
    try:
        prompt = pictures.place(f"{pictures.placeholder}x", [_test_picture()], loaded.encode)
        encoder.features(prompt.media[0])
    except HeylookError as error:
        raise _refused(loaded, error.message) from error
    except Exception as error:
        raise _refused(loaded, f"{type(error).__name__}: {error}") from error
    encoder.clear()
    return VisionEngine(loaded.model, rows, Footprint(caches), vocabulary, pictures, encoder)


def pictures_of(loaded: LoadedVision, template: str | None, special: Mapping[str, str]) -> Pictures:
    try:
        return Pictures(loaded.processor, template, special)
    except LoadFailed as error:
        raise _refused(loaded, error.message) from error


def settings_of(loaded: LoadedVision) -> dict[str, Any]:
    """What shapes the KV cache of a model that sees, beside what shapes that of any."""
    return {"mlx_vlm": importlib.metadata.version("mlx-vlm"), "processor": processor_settings(loaded.folder)}


def _test_picture() -> Picture:
    return Picture(SIDE, SIDE, 3, b"test", GREY * (SIDE * SIDE))


def _refused(loaded: LoadedVision, why: str) -> LoadFailed:
    return LoadFailed(
        f"Images for the model in {loaded.folder} are not supported ({why}); set vision: false to use it for text only."
    )
