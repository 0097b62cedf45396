"""The `config:` of a GGUF model in models.yaml, and what cannot be combined."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from heylook_core.messages import Sampling
from heylook_core.provider import TokenConfig

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]

_QUANTISED = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
_NO_PROJECTOR = "vision is true, but a GGUF model sees with a file of its own: set mmproj_path to its projector"
_NO_CACHE_SIZE = (
    "{} has no effect for GGUF models: kept prefixes are bounded by prefix_cache_bytes, for all providers alike."
)


class LoraAdapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A LoRA adapter in GGUF form, applied to every request with weight `scale`."""

    path: str
    scale: float = 1.0


class GgufConfig(TokenConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one GGUF model. docs/reference/gguf-config.md has the table.

    `n_ctx` is the longest sequence in tokens (4096, or what the model was trained for if that is less). Each of
    `slots` sequences (default: max_concurrency) has that much KV cache of its own; with `kv_unified` they share one
    cache of `n_ctx` tokens. `n_gpu_layers` below 0 means all. `n_threads` None means the physical cores. `chunk`
    bounds the prompt tokens of a step while others decode. `mmproj_path` names the projector of a model that sees;
    with `vision` false it is not loaded.
    """

    model_path: str
    n_ctx: int | None = None
    n_gpu_layers: int = -1
    n_batch: int = 2048
    n_ubatch: int = 512
    n_threads: int | None = None
    use_mmap: bool = True
    use_mlock: bool = False
    slots: int | None = None
    kv_unified: bool = False
    flash_attn: bool | None = None
    type_k: CacheType = "f16"
    type_v: CacheType = "f16"
    chunk: int | None = None
    lora: tuple[LoraAdapter, ...] = ()
    chat_format: str | None = None
    chat_format_template: str | None = None
    embedding: bool = True
    repeat_penalty: float | None = None
    cache: bool | None = None
    cache_size: int | None = None
    mmproj_path: str | None = None
    vision: bool | None = None

    def __post_init__(self) -> None:
        self._check_sizes()
        if self.type_v in _QUANTISED and self.flash_attn is False:
            raise ValueError(
                f"type_v {self.type_v} needs flash attention: remove flash_attn: false, or set type_v to f16"
            )
        if self.repeat_penalty is not None and self.repetition_penalty is not None:
            raise ValueError("repeat_penalty and repetition_penalty are the same setting: keep one of them")
        if self.vision and self.mmproj_path is None:
            raise ValueError(_NO_PROJECTOR)

    def _check_sizes(self) -> None:
        for name in ("n_ctx", "n_batch", "n_ubatch", "n_threads", "slots", "chunk", "max_concurrency"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}, but must be at least 1")
        if self.n_slots > 256:
            raise ValueError(f"slots is {self.n_slots}, but llama.cpp runs at most 256 sequences at once")

    def notices(self) -> list[str]:
        return [_NO_CACHE_SIZE.format(name) for name in ("cache", "cache_size") if getattr(self, name) is not None]

    @property
    def path(self) -> Path:
        return Path(self.model_path).expanduser()

    @property
    def projector(self) -> Path | None:
        """The projector to load; None for a model that is to read text only."""
        if self.mmproj_path is None or self.vision is False:
            return None
        return Path(self.mmproj_path).expanduser()

    @property
    def n_slots(self) -> int:
        """How many sequences run at once."""
        return self.slots if self.slots is not None else self.max_concurrency

    def sampling(self) -> Sampling:
        """The sampling values of models.yaml; `repeat_penalty` is llama.cpp's name of `repetition_penalty`."""
        values = super().sampling()
        if self.repeat_penalty is None:
            return values
        return msgspec.structs.replace(values, repetition_penalty=self.repeat_penalty)
