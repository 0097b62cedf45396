"""What a folder of safetensors is, by config.json and the headers of its weights. Imports nothing of MLX."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.errors import LoadFailed
from heylook_core.settings import ModelEntry
from heylook_mlx.config import MlxConfig
from heylook_mlx.weights import check_weights

LITTLE_BYTES = 1_000_000_000  # below this a model may help a bigger one of its family as a draft model

# mlx-lm's MODEL_REMAPPING: types that another one's implementation serves.
REMAPPED = {
    "mistral": "llama",
    "llava": "mistral3",
    "phi-msft": "phixtral",
    "falcon_mamba": "mamba",
    "joyai_llm_flash": "deepseek_v3",
    "kimi_k2": "deepseek_v3",
    "qwen2_5_vl": "qwen2_vl",
    "minimax_m2": "minimax",
    "iquestcoder": "llama",
    "xverse": "llama",
    "gemma4_unified": "gemma4",
    "deepseek_v41_text": "deepseek_v41",
}
# What mlx-lm can read besides its own quantisation.
FOREIGN_QUANTISATION = ("awq", "bitnet", "compressed-tensors", "fp8", "gptq", "modelopt", "mxfp4", "mxfp8")
NO_TEXT = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMaskedLM")
DRAFT_HEADS = ("Eagle", "Medusa", "MTPModel", "MLPSpeculator", "DFlash")
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
    """Why mlx-lm cannot load a model with this config.json."""
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        return "Its config.json names no model_type, so it is no language model."
    kind, architectures = config["model_type"], [str(name) for name in config.get("architectures") or ()]
    if any(word in name for name in architectures for word in DRAFT_HEADS) or "medusa_num_heads" in config:
        return f"It is a draft head ({', '.join(architectures) or kind}) of another model."
    if kind not in supported_types():
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


@cache
def supported_types() -> frozenset[str]:
    """The model types that the installed mlx-lm implements, by the names of its files: nothing is imported."""
    spec = importlib.util.find_spec("mlx_lm")
    places = spec.submodule_search_locations if spec is not None else None
    types = {file.stem for place in places or () for file in Path(place, "models").glob("*.py")}
    return frozenset(types | {kind for kind, served_as in REMAPPED.items() if served_as in types})


def _model(folder: Path, config: dict[str, Any], names: set[str]) -> Recognised:
    files = tuple(folder / name for name in sorted(names) if (folder / name).is_file() and not name.startswith("."))
    settings: dict[str, object] = {"model_path": str(folder)}
    tags, notes = ["mlx", config["model_type"]], []
    embeds = "config_sentence_transformers.json" in names or (folder / "1_Pooling" / "config.json").is_file()
    if embeds:
        tags.append("embedding")
    if isinstance(config.get("vision_config"), dict):
        if _accepted({**settings, "vision": True}):
            settings["vision"] = True
            tags.append("vision")
        else:
            notes.append("Its vision is left out: this version of heylook-mlx reads text only.")
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
    return next((length for length in found if isinstance(length, int) and length > 0), 0)


def _accepted(config: dict[str, object]) -> bool:
    try:
        msgspec.convert(config, MlxConfig)
    except msgspec.ValidationError:
        return False
    return True
