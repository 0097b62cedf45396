"""A random projector for GGUF models, of a useful size: a picture costs what it costs, the text means nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH, INNER, HEADS, LAYERS, SIDE, PATCH, MERGE = 256, 1024, 4, 4, 336, 14, 2


def make_projector(path: Path, width: int) -> Path:
    """Shows a picture to a model of this width, as llama.cpp's gemma3 does, in 144 positions; made once."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    writer = gguf.GGUFWriter(str(draft), "clip")
    _settings(writer, width)
    _Weights(writer).write(width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return draft.rename(path)


def _settings(writer: Any, width: int) -> None:
    writer.add_string("general.type", "mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "gemma3")
    sizes = {"embedding_length": WIDTH, "feed_forward_length": INNER, "block_count": LAYERS, "image_size": SIDE}
    for name, value in {**sizes, "projection_dim": width, "patch_size": PATCH}.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_uint32("clip.vision.attention.head_count", HEADS)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    for name in ("image_mean", "image_std"):
        writer.add_array(f"clip.vision.{name}", [0.5] * 3)
    writer.add_bool("clip.use_gelu", True)
    writer.add_uint32("clip.vision.projector.scale_factor", MERGE)


class _Weights:
    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._random = np.random.default_rng(0)

    def write(self, width: int) -> None:
        self._matrix("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH)
        self._constant("v.patch_embd.bias", WIDTH, 0)
        self._matrix("v.position_embd.weight", (SIDE // PATCH) ** 2, WIDTH)
        self._matrix("mm.input_projection.weight", WIDTH, width)
        self._constant("mm.soft_emb_norm.weight", WIDTH, 1)
        for layer in range(LAYERS):
            self._layer(f"v.blk.{layer}")
        self._norm("v.post_ln")

    def _layer(self, name: str) -> None:
        for part, rows, columns in (
            *((part, WIDTH, WIDTH) for part in ("attn_q", "attn_k", "attn_v", "attn_out")),
            ("ffn_up", INNER, WIDTH),
            ("ffn_down", WIDTH, INNER),
        ):
            self._matrix(f"{name}.{part}.weight", rows, columns)
            self._constant(f"{name}.{part}.bias", rows, 0)
        self._norm(f"{name}.ln1")
        self._norm(f"{name}.ln2")

    def _norm(self, name: str) -> None:
        self._constant(f"{name}.weight", WIDTH, 1)
        self._constant(f"{name}.bias", WIDTH, 0)

    def _matrix(self, name: str, *shape: int) -> None:
        values = self._random.standard_normal(shape, np.float32) / np.sqrt(np.prod(shape[1:]))
        self._writer.add_tensor(name, values.astype(np.float32))

    def _constant(self, name: str, size: int, value: float) -> None:
        self._writer.add_tensor(name, np.full(size, value, np.float32))
