"""What a folder of safetensors is, by config.json and the headers of its weights. Imports nothing of MLX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.errors import LoadFailed
from heylook_core.settings import ModelEntry
from heylook_mlx.known import text_types, vision_types
from heylook_mlx.vision.folder import sees
from heylook_mlx.weights import check_weights

LITTLE_BYTES = 1_000_000_000  # below this a model may help a bigger one of its family as a draft model

# What mlx-lm can read besides its own quantisation.
FOREIGN_QUANTISATION = ("awq", "bitnet", "compressed-tensors", "fp8", "gptq", "modelopt", "mxfp4", "mxfp8")
NO_TEXT = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMaskedLM")
DRAFT_HEADS = ("Eagle", "Medusa", "MTPModel", "MLPSpeculator", "DFlash")
NO_VISION = "Its vision is left out: mlx-vlm is not installed, or does not know this type of model."
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "tiktoken.model")
CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length")


def recognise(folder: Path) -> Recognised | Unservable | None:
    """A model that mlx-lm can load, or why it cannot; None for a folder that is nothing of the kind."""
    if not folder.is_dir():
        return None
    try:
        names = {file.name for file in folder.iterdir()}
    except OSError as error:
        return Unservable(f"It cannot be read ({error.strerror}).")
    if "config.json" not in names:
        adapter = {"adapter_config.json", "adapters.safetensors"} <= names or "adapter_model.safetensors" in names
        return Unservable("It is a LoRA adapter: name it in `adapter_path` of its model's config.") if adapter else None
    weights = sorted(name for name in names if name.endswith(".safetensors"))
    if not weights:
        return _other_weights(names)
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        return Unservable(f"Its config.json cannot be read ({error}).")
    return _of_config(folder, config, names)


def _other_weights(names: set[str]) -> Unservable | None:
    torch = sorted(name for name in names if name.endswith((".bin", ".pth", ".pt")) and "model" in name)
    if not torch:
        return None
    return Unservable(f"Its weights are PyTorch's ({torch[0]}); only safetensors and GGUF can be served.")


def _of_config(folder: Path, config: Any, names: set[str]) -> Recognised | Unservable:
    fault = _fault(config, names)
    if fault is None:
        try:
            check_weights(folder)
        except (LoadFailed, OSError) as error:
            fault = str(error)
    return Unservable(fault) if fault is not None else _model(folder, config, names)


def _fault(config: Any, names: set[str]) -> str | None:
    """Why neither mlx-lm nor mlx-vlm can load a model with this config.json."""
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        return "Its config.json names no model_type, so it is no language model."
    kind, named = config["model_type"], config.get("architectures")
    architectures = [str(name) for name in named] if isinstance(named, list) else []
    if any(word in name for name in architectures for word in DRAFT_HEADS) or "medusa_num_heads" in config:
        return f"It is a draft head ({', '.join(architectures) or kind}) of another model."
    if kind not in text_types() and not (isinstance(config.get("vision_config"), dict) and kind in vision_types()):
        return f"mlx-lm has no implementation of the model type '{kind}'."
    if architectures and all(name.endswith(NO_TEXT) for name in architectures):
        return f"It writes no text (it is a {architectures[0]})."
    method = _foreign_method(config)
    if method is not None and method not in FOREIGN_QUANTISATION:
        return f"mlx-lm cannot read weights quantised by '{method}'; convert the original with mlx_lm.convert."
    if not any(name.startswith("model") and name.endswith(".safetensors") for name in names):
        return "It has no model*.safetensors, the files that mlx-lm reads."
    return None if names & set(TOKENIZERS) else "It has no tokenizer (tokenizer.json or tokenizer.model)."


def _foreign_method(config: dict[str, Any]) -> str | None:
    """`quant_method` of a checkpoint that MLX has not quantised itself."""
    if "quantization" in config:
        return None
    inner = config.get("text_config")
    sources = (config, inner if isinstance(inner, dict) else {})
    found = next((source["quantization_config"] for source in sources if source.get("quantization_config")), None)
    return str(found.get("quant_method", "an unnamed method")) if isinstance(found, dict) else None


def _model(folder: Path, config: dict[str, Any], names: set[str]) -> Recognised:
    files = tuple(folder / name for name in sorted(names) if (folder / name).is_file() and not name.startswith("."))
    settings: dict[str, object] = {"model_path": str(folder)}
    tags, notes = ["mlx", config["model_type"]], []
    embeds = "config_sentence_transformers.json" in names or (folder / "1_Pooling" / "config.json").is_file()
    if embeds:
        tags.append("embedding")
    if sees(folder):
        settings["vision"] = config["model_type"] in vision_types()
        if settings["vision"]:
            tags.append("vision")
        else:
            notes.append(NO_VISION)
    elif not embeds and _weights_bytes(files) < LITTLE_BYTES:
        tags.append("draft")
    entry = ModelEntry(id=folder.name, provider="mlx", config=settings, tags=tuple(tags))
    return Recognised(entry=entry, files=files, context=_context(config), generates=not embeds, notes=tuple(notes))


def _weights_bytes(files: tuple[Path, ...]) -> int:
    return sum(file.stat().st_size for file in files if file.suffix == ".safetensors")


def _context(config: dict[str, Any]) -> int:
    inner = config.get("text_config")
    sources = (config, inner if isinstance(inner, dict) else {})
    found = (source.get(key) for source in sources for key in CONTEXT_KEYS)
    return next((length for length in found if type(length) is int and length > 0), 0)
