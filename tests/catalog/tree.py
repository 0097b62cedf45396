"""Model files as they lie on real machines, small: sound ones, broken ones, and what is none."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Shape = tuple[int, ...]

LLAMA = {
    "general.architecture": "llama",
    "general.file_type": 15,
    "llama.context_length": 8192,
    "llama.embedding_length": 64,
    "llama.block_count": 2,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "tokenizer.ggml.tokens": ["a", "b", "c", "d", "e", "f"],
    "tokenizer.chat_template": "{% if tools %}{% endif %}",
}
WEIGHTS: dict[str, Shape] = {"token_embd.weight": (64, 1000), "blk.0.attn_norm.weight": (64,)}


def projector(width: int, kind: int = 1) -> tuple[dict[str, Any], dict[str, Shape]]:
    """Metadata and weights of an mmproj file for models of this width; `kind` is its general.file_type."""
    values = {"general.architecture": "clip", "general.type": "mmproj", "general.file_type": kind}
    return {**values, "clip.vision.projection_dim": width}, {"mm.0.weight": (32, width)}


def write_gguf(path: Path, values: dict[str, Any], tensors: dict[str, Shape] = WEIGHTS) -> Path:
    """A file of the right length whose weights are zero."""
    pairs = b"".join(_text(key) + _value(value) for key, value in values.items())
    infos, offset = b"", 0
    for name, shape in tensors.items():
        infos += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += 4 * math.prod(shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + pairs + infos + bytes(offset))
    return path


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    """With its type before it: bool, uint32, float32, string, or an array of strings."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))


HF_LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "max_position_embeddings": 4096,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "torch_dtype": "bfloat16",
}


def write_checkpoint(folder: Path, config: dict[str, Any], files: Iterable[str] = ("tokenizer.json",)) -> Path:
    """A folder of safetensors as on the hub: one tensor, and further files that are empty JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    header = json.dumps({"w": {"dtype": "BF16", "shape": [10, 10], "data_offsets": [0, 200]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(200))
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return folder


# ------------------------------------------------------------------ a folder that has grown


def grow(root: Path) -> None:
    """Everything that a folder of models may hold, by the name that says what it is."""
    write_gguf(root / "eyes" / "Seer-Q4_K_M.gguf", LLAMA)
    write_gguf(root / "eyes" / "Seer-Q8_0.gguf", {**LLAMA, "general.file_type": 7})
    write_gguf(root / "eyes" / "Blind.gguf", {**LLAMA, "llama.embedding_length": 96})
    for kind, name in ((0, "F32"), (1, "F16")):
        write_gguf(root / "eyes" / f"mmproj-{name}.gguf", *projector(64, kind))
    write_gguf(root / "eyes" / "mmproj-of-another.gguf", *projector(128))
    for part in (1, 2):
        write_gguf(root / "split" / f"Big-0000{part}-of-00002.gguf", LLAMA, {f"blk.{part - 1}.w": (64, part)})
    write_gguf(root / "split" / "Half-00001-of-00002.gguf", LLAMA)
    write_gguf(root / "vectors" / "bert.gguf", BERT, {"token_embd.weight": (64, 10)})
    write_gguf(root / "vectors" / "pooled.gguf", {"llama.pooling_type": 3, **LLAMA})
    write_gguf(root / "drafts" / "eagle.gguf", {**LLAMA, "general.architecture": "eagle3"})
    heads = {"llama.nextn_predict_layers": 1, **LLAMA}
    write_gguf(root / "drafts" / "head.gguf", heads, {"blk.2.nextn.eh_proj.weight": (64, 64)})
    write_gguf(root / "drafts" / "with-head.gguf", heads)
    write_gguf(root / "others" / "lora.gguf", {"general.architecture": "llama", "general.type": "adapter"})
    write_gguf(root / "others" / "flux.gguf", {"general.architecture": "flux"})
    write_checkpoint(root / "hf" / "Llama-HF", HF_LLAMA)
    write_checkpoint(root / "hf" / "bert", {**HF_LLAMA, "model_type": "bert", "architectures": ["BertModel"]})
    write_checkpoint(root / "hf" / "diffusion", {"_class_name": "UNet2DConditionModel"})
    write_checkpoint(root / "hf" / "Vectors", HF_LLAMA, ("tokenizer.json", "1_Pooling/config.json"))
    write_checkpoint(root / "hf" / "cut", HF_LLAMA)
    cut = root / "hf" / "cut" / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-10])
    _litter(root)


BERT = {
    "general.architecture": "nomic-bert",
    "general.file_type": 1,
    "nomic-bert.context_length": 2048,
    "nomic-bert.embedding_length": 64,
    "nomic-bert.block_count": 2,
    "nomic-bert.attention.causal": False,
    "nomic-bert.pooling_type": 1,
}


def _litter(root: Path) -> None:
    """Broken files, files of no concern, and links: in circles, to nowhere, and to a model."""
    junk = root / "junk"
    junk.mkdir()
    (junk / "empty.gguf").write_bytes(b"")
    (junk / "page.gguf").write_text("<html>404</html>")
    (junk / "cut.gguf").write_bytes((root / "vectors" / "bert.gguf").read_bytes()[:100])
    (junk / "photo.jpg").write_bytes(b"\xff\xd8")
    (junk / "LICENSE").write_text("free")
    (junk / ".hidden").mkdir()
    write_gguf(junk / ".hidden" / "hidden.gguf", LLAMA)
    (junk / "nowhere.gguf").symlink_to(junk / "gone.gguf")
    (junk / "up").symlink_to(root)
    (junk / "itself").symlink_to(junk / "itself")
    (junk / "same.gguf").symlink_to(root / "vectors" / "pooled.gguf")


# ------------------------------------------------------------------ what other programs keep


def put_in_hub_cache(cache: Path, repository: str, files: dict[str, bytes], revision: str = "0" * 40) -> Path:
    """A repository as huggingface_hub caches it: blobs, a snapshot of links, and the revision of `main`."""
    place = cache / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / revision
    for name, data in files.items():
        blob = place / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(blob)
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs" / "main").write_text(revision)
    return snapshot


def put_in_ollama(store: Path, name: str, layers: dict[str, bytes]) -> None:
    """A model as Ollama keeps it: `name` is host/space/model/tag, `layers` are contents by the end of the type."""
    listed = []
    for kind, data in layers.items():
        digest = hashlib.sha256(data).hexdigest()
        blob = store / "blobs" / f"sha256-{digest}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        media = f"application/vnd.ollama.image.{kind}"
        listed.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)})
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": listed}))
