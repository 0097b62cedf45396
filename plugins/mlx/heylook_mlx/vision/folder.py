"""Whether a model folder holds the parts that see. Imports nothing of MLX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heylook_mlx.weights import tensor_names, weight_files

MISSING = (
    "The model in {folder} sees images, and that needs mlx-vlm. Install it with: pip install 'heylook-mlx[vision]'. "
    "Or set vision: false to use the model for text only."
)
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_PARTS = ("vision", "visual", "image", "mm_", "multi_modal")


def sees(folder: Path) -> bool:
    """Its configuration, its image processor and its weights have a part for images: text-only copies lack one."""
    config = _read(folder / "config.json")
    if not isinstance(config.get("vision_config"), dict):
        return False
    if not any((folder / name).is_file() for name in PROCESSORS):
        return False
    return any(part in name for file in weight_files(folder) for name in tensor_names(file) for part in _PARTS)


def processor_settings(folder: Path) -> list[Any]:
    """What shapes the numbers that an image becomes, for the fingerprint."""
    return [_read(folder / name) for name in PROCESSORS]


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
