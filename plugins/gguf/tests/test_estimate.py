"""What a model is estimated at before it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from heylook_gguf.config import GgufConfig
from heylook_gguf.estimate import estimate


@pytest.mark.parametrize("heads", [0, 1, 2, [2, 0, 0, 1], [0, 0, 0, 0]], ids=str)
def test_the_kv_cache_counts_the_heads_that_each_layer_has(
    tmp_path: Path, make_model: Callable[..., Path], heads: int | list[int]
) -> None:
    """Layers without keys and values are recurrent; they are not counted as if they had some."""
    path = make_model(tmp_path / "tiny.gguf", layers=4, kv_heads=heads, width=64, weights=False)
    config = GgufConfig(model_path=str(path), n_ctx=256, slots=1, type_k="f16", type_v="f16")
    found = estimate(config)
    assert found is not None
    head = 64 // 4
    assert found.kv == 256 * (sum(heads) if isinstance(heads, list) else 4 * heads) * 2 * head * 2
    assert found.weights == path.stat().st_size
