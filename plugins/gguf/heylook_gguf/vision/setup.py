"""The eyes of a model: its projector with what is built on it. Engine thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heylook_core.errors import InvalidRequest, LoadFailed
from heylook_core.messages import Picture
from heylook_gguf.config import GgufConfig
from heylook_gguf.contents import Contents
from heylook_gguf.vision.engine import VisionEngine
from heylook_gguf.vision.pictures import Pictures
from heylook_gguf.vision.projector import Projector
from heylook_gguf.vision.soundness import check_projector
from heylook_gguf.weights import Weights

SIDE = 64


class Eyes:
    """Owns the projector of a model. Raises LoadFailed where it cannot be used with these weights."""

    def __init__(self, path: Path, weights: Weights, params: Any, config: GgufConfig) -> None:
        library = weights.library
        if not weights.is_causal:
            raise LoadFailed("mmproj_path is set, but this model makes embeddings only: remove mmproj_path.")
        check_projector(path)
        self.nbytes = path.stat().st_size
        self.projector = Projector(
            library,
            path,
            weights.handle,
            gpu=config.n_gpu_layers != 0,
            threads=params.n_threads,
            flash=params.flash_attn_type,
        )
        self.fingerprint = Contents(path).fingerprint

    def open(self, engine: VisionEngine) -> Pictures:
        """What places pictures in the engine's prompts, after a look at how a grey square would be laid out."""
        try:
            engine.pictures.layout(Picture(SIDE, SIDE, 3, b"", b""))
        except InvalidRequest as error:
            raise LoadFailed(
                f"Images cannot be used with this model: {error.message} Or remove mmproj_path."
            ) from error
        return engine.pictures

    def close(self) -> None:
        self.projector.close()
