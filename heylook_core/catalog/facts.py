"""What the files of a model say, without a backend and without loading: for lists and descriptions."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from glob import escape
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from heylook_core.catalog import checkpoint, gguf
from heylook_core.settings import ModelEntry

log = logging.getLogger(__name__)

SAMPLE_BYTES = 1 << 20
PART = re.compile(r"(.+)-\d{5}-of-(\d{5})\.gguf")


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`format` is "gguf", "safetensors", or empty for a model without files that are known here.

    `bytes` is the size of its weights on disk, `modified` Unix time (0 if unknown). `metadata` has the keys of a
    GGUF header, made from config.json for a folder. `digest` is 64 hex digits, see `digest_of`.
    """

    format: str = ""
    bytes: int = 0
    modified: float = 0.0
    digest: str
    metadata: dict[str, Any] = {}
    parameters: int = 0
    quantization: str = ""
    template: str | None = None

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    def number(self, key: str) -> int:
        """An integer below the architecture, such as `context_length`; 0 if it is unknown."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) else 0


class FactReader:
    """Reads each model's files once, and again when path, size or time of one has changed. Any thread; blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Any, ModelFacts]] = {}

    def facts(self, entry: ModelEntry) -> ModelFacts:
        """Never raises: a model whose files cannot be read has few facts, and the log says why."""
        try:
            files = weight_files(entry)
            state = [_state(file) for file in files]
            with self._lock:
                known = self._known.get(entry.id)
            if known is not None and known[0] == state:
                return known[1]
            found = _read(entry, files)
        except OSError as error:
            log.warning("The files of model %s cannot be read: %s", entry.id, error)
            return _without_files(entry)
        with self._lock:
            self._known[entry.id] = (state, found)
        return found


def _state(file: Path) -> tuple[str, int, int]:
    stat = file.stat()
    return str(file), stat.st_size, stat.st_mtime_ns


def weight_files(entry: ModelEntry) -> list[Path]:
    """The file at `model_path` of the entry's config, all parts of a split one, or the weights in a folder.

    Those are its safetensors, else its graphs: ONNX files with their data, CoreML packages with what is in them.
    """
    named = entry.config.get("model_path")
    if not isinstance(named, str):
        return []
    path = Path(named).expanduser()
    if path.is_file():
        part = PART.fullmatch(path.name)
        return sorted(path.parent.glob(f"{escape(part[1])}-*-of-{part[2]}.gguf")) if part else [path]
    return sorted(path.glob("*.safetensors")) or _graphs(path) if path.is_dir() else []


def _graphs(folder: Path) -> list[Path]:
    patterns = ("*.onnx", "*.onnx.data", "*.mlmodelc/**/*", "*.mlpackage/**/*")
    return sorted(file for pattern in patterns for file in folder.glob(pattern) if file.is_file())


def _read(entry: ModelEntry, files: Sequence[Path]) -> ModelFacts:
    if not files:
        return _without_files(entry)
    stats = [file.stat() for file in files]
    plain = ModelFacts(
        bytes=sum(stat.st_size for stat in stats),
        modified=max(stat.st_mtime for stat in stats),
        digest=digest_of(files),
    )
    try:
        if gguf.is_gguf(files[0]):
            return _of_gguf(plain, files)
        return _of_folder(plain, list(files)) if files[0].suffix == ".safetensors" else plain
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("The files of model %s could not be described: %s", entry.id, error)
        return plain


def _without_files(entry: ModelEntry) -> ModelFacts:
    """The digest is that of the entry: it changes when the model is configured otherwise."""
    return ModelFacts(digest=sha256(msgspec.json.encode(entry, order="deterministic")).hexdigest())


def _of_gguf(plain: ModelFacts, files: Sequence[Path]) -> ModelFacts:
    headers = [gguf.read_header(file) for file in files]
    header, parameters = headers[0], sum(each.parameters for each in headers)
    template = header.values.get("tokenizer.chat_template")
    metadata = {"general.parameter_count": parameters, **header.values}
    return msgspec.structs.replace(
        plain,
        format="gguf",
        metadata=metadata,
        parameters=parameters,
        quantization=header.quantization,
        template=template if isinstance(template, str) else None,
    )


def _of_folder(plain: ModelFacts, files: list[Path]) -> ModelFacts:
    folder = files[0].parent
    config = checkpoint.read_config(folder)
    parameters = checkpoint.parameter_count(files, config)
    return msgspec.structs.replace(
        plain,
        format="safetensors",
        metadata=checkpoint.metadata(config, parameters),
        parameters=parameters,
        quantization=checkpoint.quantization(config),
        template=checkpoint.chat_template(folder),
    )


def digest_of(files: Sequence[Path]) -> str:
    """SHA-256 over each file's name and size and its first, middle and last MiB.

    Ollama's digest is that of a manifest and not of the weights either; this one costs milliseconds where a whole
    model takes minutes, and changes with the header and the tail of every file.
    """
    whole = sha256()
    for file in files:
        size = file.stat().st_size
        whole.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as opened:
            for start in sorted({0, max(size // 2 - SAMPLE_BYTES // 2, 0), max(size - SAMPLE_BYTES, 0)}):
                opened.seek(start)
                whole.update(opened.read(SAMPLE_BYTES))
    return whole.hexdigest()
