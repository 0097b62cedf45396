"""Ollama's store: manifests name layers, and the layers lie as blobs under their digests. Read, never written.

Layout and media types: https://github.com/ollama/ollama/blob/main/docs/import.md and its `manifest` package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

DEFAULT_HOST, DEFAULT_SPACE, DEFAULT_TAG = "registry.ollama.ai", "library", "latest"
DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
LAYER = "application/vnd.ollama.image."
COMPANIONS = ("projector", "adapter")

# A model's parameters by our names; those of how Ollama runs a model (num_gpu, num_thread, …) are left out.
PARAMETERS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "repetition_context_size",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "stop": "stop",
    "num_predict": "max_tokens",
    "num_ctx": "n_ctx",
}


class OllamaModel(NamedTuple):
    """`path` is the blob of the weights, `companions` those of projectors and adapters; `fault` if it cannot be used.

    `config` has the parameters that the model brings, `notes` what of it is left out.
    """

    name: str
    manifest: Path
    path: Path | None
    companions: tuple[Path, ...] = ()
    config: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    fault: str = ""


def models(store: Path) -> Iterator[OllamaModel]:
    """Every model of the store, by name; a broken manifest is one with a fault."""
    root = store / "manifests"
    for manifest in sorted(path for path in root.glob("*/*/*/*") if path.is_file() and not path.name.startswith(".")):
        name = _name(*manifest.relative_to(root).parts)
        try:
            yield _of_manifest(name, manifest, store / "blobs")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            fault = f"Its manifest cannot be read ({type(error).__name__}: {error})."
            yield OllamaModel(name, manifest, None, fault=fault)


def _name(host: str, space: str, model: str, tag: str) -> str:
    """As Ollama shows it: what is the default is left out."""
    places = (
        () if (host, space) == (DEFAULT_HOST, DEFAULT_SPACE) else (space,) if host == DEFAULT_HOST else (host, space)
    )
    return "/".join((*places, model if tag == DEFAULT_TAG else f"{model}:{tag}"))


def _of_manifest(name: str, manifest: Path, blobs: Path) -> OllamaModel:
    layers: dict[str, list[str]] = {}
    for layer in json.loads(manifest.read_bytes())["layers"]:
        kind = str(layer["mediaType"]).removeprefix(LAYER)
        layers.setdefault(kind, []).append(str(layer["digest"]))
    weights = [_blob(blobs, digest) for digest in layers.get("model", ())]
    companions = tuple(_blob(blobs, digest) for kind in COMPANIONS for digest in layers.get(kind, ()))
    model = OllamaModel(name, manifest, weights[0] if len(weights) == 1 else None, companions)
    if len(weights) != 1:
        return model._replace(fault=f"Its weights are {len(weights)} layers where one GGUF file is expected.")
    if missing := [blob.name for blob in (*weights, *companions) if not blob.is_file()]:
        return model._replace(fault=f"{missing[0]} is missing; pull the model again with Ollama.")
    config, left_out = _parameters(blobs, layers.get("params", ()))
    notes = [f"Its parameters {', '.join(left_out)} are left out." if left_out else ""]
    notes += ["Its system prompt is left out; send one with the request." if "system" in layers else ""]
    notes += ["Its example messages are left out." if "messages" in layers else ""]
    return model._replace(config=config, notes=tuple(filter(None, notes)))


def _blob(blobs: Path, digest: str) -> Path:
    """Raises ValueError for what is no digest: it must not lead out of the folder."""
    found = DIGEST.fullmatch(digest)
    if found is None:
        raise ValueError(f"'{digest[:80]}' is no digest")
    return blobs / f"sha256-{found[1]}"


def _parameters(blobs: Path, digests: list[str] | tuple[()]) -> tuple[dict[str, Any], list[str]]:
    """By our names, and the names of those that have none."""
    config: dict[str, Any] = {}
    left_out = []
    for digest in digests:
        for key, value in json.loads(_blob(blobs, digest).read_bytes()).items():
            if key in PARAMETERS and value is not None and not (key == "num_predict" and value < 1):
                config[PARAMETERS[key]] = [value] if key == "stop" and isinstance(value, str) else value
            else:
                left_out.append(key)
    return config, left_out
