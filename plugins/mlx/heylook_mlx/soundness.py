"""What would keep an entry from being loaded, by its files. Imports nothing of MLX."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from heylook_core.catalog.recognition import Unservable
from heylook_core.errors import LoadFailed
from heylook_mlx.config import MlxConfig
from heylook_mlx.recognition import recognise
from heylook_mlx.vision.folder import sees
from heylook_mlx.weights import adapter_folder, model_folder


def check(config: MlxConfig) -> None:
    """Raise LoadFailed, naming the folder, for the first fault of the model, its draft or its adapter."""
    if find_spec("mlx_lm") is None:
        raise LoadFailed('mlx-lm is not installed: pip install mlx-lm on macOS, pip install "mlx-lm[cpu]" on Linux.')
    folder = _sound(config.model_path, config)
    if config.draft_model_path is not None:
        _sound(config.draft_model_path, config)
    adapter_folder(config.adapter_path)
    if config.vision and not sees(folder):
        raise LoadFailed(f"The model in {folder} has no part for images; remove vision: true.")


def _sound(given: str, config: MlxConfig) -> Path:
    folder = model_folder(given)
    found = recognise(folder)
    if isinstance(found, Unservable) and not (config.trust_remote_code and _brings_code(folder)):
        raise LoadFailed(f"The model in {folder} cannot be loaded. {found.reason}")
    tokenizer = folder / "tokenizer.json"
    if tokenizer.is_file() and "model" not in _object(tokenizer):
        raise LoadFailed(f"{tokenizer} is no tokenizer. Download it again.")
    return folder


def _brings_code(folder: Path) -> bool:
    """mlx-lm runs the file that config.json names."""
    return "model_file" in _object(folder / "config.json")


def _object(file: Path) -> dict[str, object]:
    """A JSON object, empty where the file holds none. Raises LoadFailed where it cannot be read."""
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return {}
    except OSError as error:
        raise LoadFailed(f"{file} cannot be read ({error.strerror}): check its permissions.") from error
    return found if isinstance(found, dict) else {}
