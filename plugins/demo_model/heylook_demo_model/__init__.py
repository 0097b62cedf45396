"""The demo model: one set of weights, as a folder for MLX and as a GGUF file. Imports no backend."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def mlx_path() -> Path:
    """The folder with config, tokenizer, chat template and weights (float16 safetensors)."""
    return _HERE / "mlx"


def gguf_path() -> Path:
    """The same weights, tokenizer and chat template as one GGUF file (float16)."""
    return _HERE / "heylook-demo-f16.gguf"
