"""From a model folder to weights in memory and a tokenizer. Engine thread only; imports MLX."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm import utils as mlx_lm_utils

from heylook_core.errors import LoadFailed
from heylook_mlx.config import MlxConfig
from heylook_mlx.weights import BRINGS_CODE, check_weights, model_folder

log = logging.getLogger(__name__)


class Loaded:
    """A model with its weights evaluated, its tokenizer (mlx_lm's wrapper) and its config.json."""

    def __init__(self, model: Any, tokenizer: Any, config: dict[str, Any], folder: Path) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.config = config
        self.folder = folder

    @property
    def nbytes(self) -> int:
        """Bytes of all parameters."""
        return sum(value.nbytes for _, value in tree_flatten(self.model.parameters()))


def load(given: str, config: MlxConfig, adapter: Path | None = None) -> Loaded:
    """Load the folder `given`. Nothing is left lazy, so that other threads may use the arrays.

    Raises LoadFailed with the cause, MemoryError where memory runs out. Never uses the network.
    """
    folder = model_folder(given)
    try:
        model, settings = _weights(folder, config, adapter)
        tokenizer = mlx_lm_utils.load_tokenizer(
            folder,
            {"trust_remote_code": config.trust_remote_code, "local_files_only": True},
            eos_token_ids=settings.get("eos_token_id"),
        )
    except (LoadFailed, MemoryError):
        raise
    except Exception as error:
        raise failure(folder, error) from error
    return Loaded(model, tokenizer, settings, folder)


def target_dtype(wanted: str) -> Any:
    """The dtype to cast floating-point weights to, or None to keep them.

    CPUs emulate half precision: a float32 model is about twice as fast there, and a 4-bit one, whose scales
    are cast, about fifteen times.
    """
    if wanted != "auto":
        return getattr(mx, wanted)
    return None if mx.metal.is_available() else mx.float32


def _weights(folder: Path, config: MlxConfig, adapter: Path | None) -> tuple[Any, dict[str, Any]]:
    model, settings = mlx_lm_utils.load_model(folder, lazy=True, trust_remote_code=config.trust_remote_code)
    if adapter is not None:
        try:
            model = mlx_lm_utils.load_adapters(model, str(adapter))
        except Exception as error:
            raise LoadFailed(f"The adapter {adapter} does not fit the model in {folder}: {error}") from error
        model.eval()
    dtype = target_dtype(config.dtype)
    if dtype is not None:
        model.set_dtype(dtype)
    evaluate(model)
    return model, settings


def evaluate(model: Any) -> None:
    """Bring the weights into memory, and the thread's random key up to date.

    Layers begin with random weights, which are replaced before they are computed. What remains of them is a new key for
    each, made from the one before and not computed either: it would keep 80 kB of graph for every load.
    """
    mx.eval(model.parameters(), mx.random.state)


def failure(folder: Path, error: Exception, library: str = "mlx-lm") -> Exception:
    """The cause in a sentence; mlx-lm and mlx-vlm report through many exception types."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, RuntimeError) and "allocate" in text:
        return MemoryError(f"There is not enough memory for the model in {folder}: {text}")
    if "not supported" in text and "Model type" in text:
        return LoadFailed(f"{library} has no implementation for the model in {folder} ({text}) Try a newer {library}.")
    if "trust_remote_code" in text:
        return LoadFailed(BRINGS_CODE.format(folder=folder))
    first_line = text.splitlines()[0]
    check_weights(folder)
    return LoadFailed(f"The model in {folder} could not be loaded: {type(error).__name__}: {first_line}")
