"""The files of a model folder: whether they are there and whole, and a fingerprint of their content.

Imports nothing of MLX: safetensors headers are JSON (https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heylook_core.errors import LoadFailed

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
BRINGS_CODE = "The model in {folder} brings its own Python code. Set trust_remote_code: true if you trust it."
_SAMPLE_BYTES = 4096
_MOST_HEADER_BYTES = 100_000_000


def model_folder(given: str) -> Path:
    """The folder that `given` names, checked to hold a model. Raises LoadFailed; never downloads."""
    path = Path(given).expanduser()
    if not path.exists():
        if _HUB_ID.fullmatch(given):
            raise LoadFailed(
                f"{given!r} is not a local folder. It looks like a model id of the Hugging Face hub, and models are "
                f"never downloaded while loading: run `heylookllm pull {given}` and set model_path to the folder."
            )
        raise LoadFailed(f"The model folder {path} does not exist; correct model_path.")
    if path.is_file():
        kind = "a GGUF file, which needs provider: gguf" if path.suffix == ".gguf" else "a file"
        raise LoadFailed(f"{path} is {kind}; the mlx provider loads a folder with config.json and *.safetensors.")
    if not (path / "config.json").is_file():
        raise LoadFailed(f"The folder {path} has no config.json, so it does not hold an MLX or Hugging Face model.")
    check_weights(path)
    return path


def adapter_folder(given: str | None) -> Path | None:
    """The checked folder of a LoRA adapter. Raises LoadFailed."""
    if given is None:
        return None
    path = Path(given).expanduser()
    for name in ("adapter_config.json", "adapters.safetensors"):
        if not (path / name).is_file():
            raise LoadFailed(f"The adapter folder {path} has no {name}; correct adapter_path.")
    tensors = path / "adapters.safetensors"
    try:
        tensor_offsets(tensors)
    except OSError as error:
        raise LoadFailed(f"{tensors} cannot be read ({error.strerror}): check its permissions.") from error
    return path


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that mlx-lm reads, in order of name."""
    return sorted(folder.glob("model*.safetensors"))


def check_weights(folder: Path) -> None:
    """Raise LoadFailed, naming the file, where weights are missing, cut short or not safetensors."""
    files = weight_files(folder)
    if not files:
        raise LoadFailed(f"The folder {folder} has no model*.safetensors file; download the model again.")
    for file in files:
        try:
            tensor_offsets(file)
        except OSError as error:
            raise LoadFailed(
                f"{file} cannot be read ({error.strerror}): check the link, or its permissions."
            ) from error
    missing = [name for name in _shards(folder) if not (folder / name).is_file()]
    if missing:
        raise LoadFailed(
            f"The folder {folder} lacks {', '.join(sorted(missing))}, which model.safetensors.index.json names; "
            "download the model again."
        )


def tensor_names(file: Path) -> list[str]:
    """The tensors of a safetensors file. Raises LoadFailed."""
    tensor_offsets(file)
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return [name for name in header if name != "__metadata__"]


def tensor_offsets(file: Path) -> list[int]:
    """Where each tensor of a safetensors file begins, in bytes from its start. Raises LoadFailed."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER_BYTES):
            raise _broken(file, "its header is incomplete")
        try:
            header: dict[str, Any] = json.loads(stream.read(length))
            spans = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
            data = 8 + length
            end = data + max((int(stop) for _, stop in spans), default=0)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _broken(file, "its header is not that of a safetensors file") from error
    if end > size:
        raise _broken(file, f"it has {size} bytes where its header promises {end}")
    return [data + int(start) for start, _ in spans]


def fingerprint(folder: Path, adapter: Path | None, settings: dict[str, Any]) -> str:
    """Changes with whatever shapes the KV cache: configuration, weights, adapter and `settings`.

    Of the weights it reads every header and the first bytes of every tensor, so that two fine-tunes of one
    architecture differ, without reading gigabytes. Names and times of files do not matter.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for part in _parts(folder, adapter):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _parts(folder: Path, adapter: Path | None) -> Iterator[bytes]:
    yield (folder / "config.json").read_bytes()
    for file in weight_files(folder):
        yield from _samples(file)
    if adapter is not None:
        yield (adapter / "adapter_config.json").read_bytes()
        yield from _samples(adapter / "adapters.safetensors")


def _samples(file: Path) -> Iterator[bytes]:
    offsets = tensor_offsets(file)
    with file.open("rb") as stream:
        yield stream.read(8 + int.from_bytes(stream.read(8), "little"))
        for offset in sorted(offsets):
            stream.seek(offset)
            yield stream.read(_SAMPLE_BYTES)


def _shards(folder: Path) -> set[str]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return set()
    try:
        return set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LoadFailed(f"{index} is not a safetensors index; download the model again.") from error


def _broken(file: Path, what: str) -> LoadFailed:
    return LoadFailed(f"{file} is broken: {what}. Download it again.")
