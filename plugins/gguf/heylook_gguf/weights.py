"""A loaded GGUF file: weights, vocabulary and metadata, shared by the contexts over it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
from pathlib import Path
from typing import Any

from heylook_core.catalog.gguf import NotGguf, read_header, shard
from heylook_core.errors import LoadFailed
from heylook_core.messages import Sampling
from heylook_gguf.config import GgufConfig
from heylook_gguf.contents import Contents, parts
from heylook_gguf.library import Library

log = logging.getLogger(__name__)

# ggml type number and bytes per value.
CACHE_TYPES: dict[str, tuple[int, float]] = {
    "f32": (0, 4),
    "f16": (1, 2),
    "bf16": (30, 2),
    "q8_0": (8, 34 / 32),
    "q5_1": (7, 24 / 32),
    "q5_0": (6, 22 / 32),
    "q4_1": (3, 20 / 32),
    "q4_0": (2, 18 / 32),
}


class Weights:
    """Owns one `llama_model` and its LoRA adapters; `close` frees them, after every context over them.

    Without `allocate` only descriptions are read, in milliseconds: enough to say what is wrong, nothing to compute
    with. Raises `LoadFailed` with the cause where the file cannot be used.
    """

    def __init__(self, library: Library, config: GgufConfig, *, allocate: bool = True) -> None:
        self.library = library
        self.path = config.path
        self._lora = config.lora
        self._c = library.c
        _check_file(self.path)
        library.forget_errors()
        parameters = _parameters(self._c, config, allocate)
        self.handle = self._c.llama_model_load_from_file(str(self.path).encode(), parameters)
        if not self.handle:
            raise LoadFailed(_not_loaded(self.path, library.last_error()))
        self.vocabulary = self._c.llama_model_get_vocab(self.handle)
        self.adapters: list[tuple[Any, float]] = []
        try:
            self._check_vocabulary()
            if allocate:
                self.adapters = [(self._adapter(lora.path), lora.scale) for lora in config.lora]
        except BaseException:
            self.close()
            raise

    def metadata(self, key: str) -> str | None:
        """A value of the file by key, as text; arrays have none. `{arch}` stands for the architecture."""
        if "{arch}" in key:
            key = key.replace("{arch}", self.metadata("general.architecture") or "")
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = int(self._c.llama_model_meta_val_str(self.handle, key.encode(), buffer, size))
            if length < 0:
                return None
            if length < size:
                return buffer.value.decode("utf-8", "replace")
            size = length + 1

    @property
    def architecture(self) -> str:
        return self.metadata("general.architecture") or "unknown"

    @property
    def nbytes(self) -> int:
        return int(self._c.llama_model_size(self.handle))

    @property
    def context_trained(self) -> int:
        return int(self._c.llama_model_n_ctx_train(self.handle))

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return int(self._c.llama_model_n_embd_out(self.handle))

    @property
    def trims(self) -> bool:
        """Whether a sequence's state can be cut: not with recurrent layers or a sliding window."""
        recurrent = self._c.llama_model_is_recurrent(self.handle) or self._c.llama_model_is_hybrid(self.handle)
        return not recurrent and int(self._c.llama_model_n_swa(self.handle)) == 0

    @property
    def is_causal(self) -> bool:
        return self.metadata("{arch}.attention.causal") != "false"

    @property
    def template(self) -> str | None:
        found = self._c.llama_model_chat_template(self.handle, None)
        return found.decode("utf-8", "replace") if found else None

    def token_bytes(self, type_k: str, type_v: str) -> int:
        """Bytes of KV cache per token, from the file's dimensions."""
        heads = int(self._c.llama_model_n_head(self.handle)) or 1
        width = int(self._c.llama_model_n_embd(self.handle)) // heads
        keys = int(self.metadata("{arch}.attention.key_length") or width)
        values = int(self.metadata("{arch}.attention.value_length") or width)
        layers = int(self._c.llama_model_n_layer(self.handle))
        rows = layers * int(self._c.llama_model_n_head_kv(self.handle))
        return round(rows * (keys * CACHE_TYPES[type_k][1] + values * CACHE_TYPES[type_v][1]))

    def sampling(self) -> Sampling:
        """What the file recommends (`general.sampling.*`); most files say nothing."""

        def number(key: str, kind: type[float] | type[int]) -> Any:
            text = self.metadata(f"general.sampling.{key}")
            with contextlib.suppress(ValueError):
                return kind(text) if text is not None else None
            return None

        return Sampling(
            temperature=number("temp", float),
            top_k=number("top_k", int),
            top_p=number("top_p", float),
            min_p=number("min_p", float),
            xtc_probability=number("xtc_probability", float),
            xtc_threshold=number("xtc_threshold", float),
            repetition_penalty=number("penalty_repeat", float),
            repetition_window=number("penalty_last_n", int),
        )

    @functools.cached_property
    def contents(self) -> tuple[Contents, ...]:
        """Those of the model's files, then those of its adapters. Reads the files."""
        files = [*parts(self.path), *(adapter_path(lora.path) for lora in self._lora)]
        return tuple(Contents(file) for file in files if file.exists())

    @property
    def long_rope(self) -> bool:
        """Whether the longest sequence decides by which factors positions are rotated."""
        return any("rope_factors_" in name for one in self.contents for name in one.tensors)

    def close(self) -> None:
        for handle, _ in self.adapters:
            self._c.llama_adapter_lora_free(handle)
        self.adapters = []
        if self.handle:
            self._c.llama_model_free(self.handle)
            self.handle = None

    def _check_vocabulary(self) -> None:
        if self._c.llama_vocab_type(self.vocabulary) == self._c.LLAMA_VOCAB_TYPE_NONE:
            raise LoadFailed(f"{self.path.name} has no tokenizer: use a GGUF file that was converted with one.")

    def _adapter(self, name: str) -> Any:
        path = adapter_path(name)
        self.library.forget_errors()
        handle = self._c.llama_adapter_lora_init(self.handle, str(path).encode())
        if not handle:
            said = self.library.last_error() or "no reason was given"
            raise LoadFailed(f"The LoRA adapter {path.name} does not fit this model (llama.cpp: {said}).")
        return handle


def adapter_path(name: str) -> Path:
    """Raises `LoadFailed` where there is no such file."""
    path = Path(name).expanduser()
    if not path.is_file():
        raise LoadFailed(f"There is no LoRA adapter at {path}: correct lora in the model's config.")
    return path


def _parameters(c: Any, config: GgufConfig, allocate: bool) -> Any:
    parameters = c.llama_model_default_params()
    parameters.no_alloc = not allocate
    parameters.n_gpu_layers = config.n_gpu_layers
    modes = {
        (True, True): c.LLAMA_LOAD_MODE_MMAP_MLOCK,
        (True, False): c.LLAMA_LOAD_MODE_MMAP,
        (False, True): c.LLAMA_LOAD_MODE_MLOCK,
        (False, False): c.LLAMA_LOAD_MODE_NONE,
    }
    parameters.load_mode = modes[config.use_mmap and allocate, config.use_mlock and allocate]
    return parameters


def _check_file(path: Path) -> None:
    """Say what is wrong with a file before llama.cpp looks at it."""
    if not path.exists():
        raise LoadFailed(f"There is no file at {path}: correct model_path, or fetch the model first.")
    if path.is_dir():
        raise LoadFailed(f"{path} is a folder: set model_path to the .gguf file in it.")
    part = shard(path)
    if part is not None and part[0] != 1:
        raise LoadFailed(
            f"{path.name} is part {part[0]} of {part[1]}: set model_path to part 1, and keep all in a folder."
        )
    try:
        header = read_header(path, whole=False)
    except NotGguf as error:
        raise LoadFailed(
            f"{path.name} is not a GGUF file that can be used, because {error}: fetch it again."
        ) from error
    except OSError as error:
        raise LoadFailed(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
    if header.is_sidecar:
        raise LoadFailed(f"{path.name} belongs to a model but is none itself: set model_path to the model's own file.")
    if header.tensors == 0:
        raise LoadFailed(f"{path.name} has a vocabulary but no weights: use the file of the whole model.")


def _not_loaded(path: Path, cause: str) -> str:
    said = f" llama.cpp said: {cause}." if cause else ""
    remedy = "Fetch the file again, or choose another."
    if "architecture" in cause:
        remedy = "A newer llama-cpp-python may know it: pip install --upgrade llama-cpp-python"
    return f"{path.name} could not be loaded.{said} {remedy}"
