"""What would keep an entry from being loaded, by its files. Imports nothing of MLX."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from heylook_core.catalog.recognition import Unservable
from heylook_core.errors import LoadFailed
from heylook_mlx.config import MlxConfig
from heylook_mlx.known import text_types, vision_types
from heylook_mlx.recognition import recognise
from heylook_mlx.vision.folder import MISSING, sees
from heylook_mlx.weights import BRINGS_CODE, adapter_folder, model_folder


def check(config: MlxConfig) -> None:
    """Raise LoadFailed, naming the folder, for the first fault of the model, its draft or its adapter."""
    if find_spec("mlx_lm") is None:
        raise LoadFailed('mlx-lm is not installed: pip install mlx-lm on macOS, pip install "mlx-lm[cpu]" on Linux.')
    folder = model_folder(config.model_path)
    seen = sees(folder)
    if config.vision and not seen:
        raise LoadFailed(f"The model in {folder} has no part for images; remove vision: true.")
    if seen and config.vision is not False and config.may_see:
        if find_spec("mlx_vlm") is None:
            raise LoadFailed(MISSING.format(folder=folder))
        _sound(folder, config, "mlx-vlm", vision_types())
    else:
        _sound(folder, config, "mlx-lm", text_types())
    if config.draft_model_path is not None:
        _sound(model_folder(config.draft_model_path), config, "mlx-lm", text_types())
    adapter_folder(config.adapter_path)


def _sound(folder: Path, config: MlxConfig, library: str, types: frozenset[str]) -> None:
    """`types` are the model types of the library that will load it."""
    found = recognise(folder)
    if _brings_code(folder):
        if not config.trust_remote_code:
            raise LoadFailed(BRINGS_CODE.format(folder=folder))
    elif isinstance(found, Unservable):
        raise LoadFailed(f"The model in {folder} cannot be loaded. {found.reason}")
    elif (kind := _object(folder / "config.json").get("model_type")) not in types:
        raise LoadFailed(f"{library} has no implementation of the model type '{kind}', that of {folder}.")
    tokenizer = folder / "tokenizer.json"
    if tokenizer.is_file() and "model" not in _object(tokenizer):
        raise LoadFailed(f"{tokenizer} is no tokenizer. Download it again.")


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
