"""From the folder of a model that sees to weights, tokenizer and image processor. Engine thread only; imports MLX."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from mlx_lm import utils as mlx_lm_utils

from heylook_core.errors import LoadFailed
from heylook_mlx.config import MlxConfig
from heylook_mlx.loading import Loaded, evaluate, failure, target_dtype
from heylook_mlx.vision.decoder import Decoder
from heylook_mlx.vision.folder import MISSING
from heylook_mlx.weights import model_folder

log = logging.getLogger(__name__)


class LoadedVision(Loaded):
    """`model` is the language half (a `Decoder`), `whole` the model of mlx-vlm, `processor` turns images to numbers."""

    def __init__(self, whole: Any, processor: Any, tokenizer: Any, config: dict[str, Any], folder: Path) -> None:
        super().__init__(Decoder(whole), tokenizer, config, folder)
        self.whole = whole
        self.processor = processor

    def encode(self, text: str) -> list[int]:
        """Token ids; special tokens are recognised, none are added."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))


def load_vision(given: str, config: MlxConfig) -> LoadedVision:
    """Load the folder `given` with mlx-vlm. Nothing is left lazy. Never uses the network.

    Raises LoadFailed with the cause, MemoryError where memory runs out.
    """
    folder = model_folder(given)
    try:
        from mlx_vlm import utils
    except ImportError as error:
        raise LoadFailed(MISSING.format(folder=folder)) from error
    try:
        settings = json.loads((folder / "config.json").read_bytes())
        options = {"trust_remote_code": config.trust_remote_code}
        whole = utils.load_model(folder, lazy=True, **options)
        processor = utils.load_processor(folder, add_detokenizer=False, local_files_only=True, **options)
        tokenizer = mlx_lm_utils.load_tokenizer(
            folder, {**options, "local_files_only": True}, eos_token_ids=settings.get("eos_token_id")
        )
    except (LoadFailed, MemoryError):
        raise
    except Exception as error:
        raise failure(folder, error, "mlx-vlm") from error
    if not hasattr(whole, "language_model") or not hasattr(whole, "get_input_embeddings"):
        raise LoadFailed(f"The model in {folder} is not one that answers about images; set vision: false.")
    template = getattr(processor, "chat_template", None) or getattr(_tokenizer(processor), "chat_template", None)
    if template:
        tokenizer.chat_template = template
    dtype = target_dtype(config.dtype)
    if dtype is not None:
        whole.set_dtype(dtype)
    whole.eval()
    evaluate(whole)
    return LoadedVision(whole, processor, tokenizer, settings, folder)


def _tokenizer(processor: Any) -> Any:
    return getattr(processor, "tokenizer", processor)
