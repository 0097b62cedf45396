"""What models.yaml may say about an MLX model. Imports nothing of MLX: the server checks it too."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from heylook_core.provider import TokenConfig

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]

DEFAULT_KV_BITS: Literal[8] = 8

_WITHOUT_EFFECT = {
    "use_flash_attention": "MLX always uses its fused attention",
    "model_size_gb": "the size is read from the weights",
    "batch_size": "set max_concurrency for the number of sequences that run at once",
    "enable_queue": "requests are always queued",
    "queue_batch_size": "set max_concurrency for the number of sequences that run at once",
    "queue_timeout_ms": "waiting requests join the running batch at once",
}


class MlxConfig(TokenConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the `mlx` provider; docs/reference/mlx-config.md explains each.

    `dtype` is what floating-point weights are cast to; `auto` keeps them, except that a machine without Metal
    computes in float32. `cache_type` None follows from `kv_bits`. `context` and, without a rotating cache,
    `max_kv_size` lower the model's own limit. `vision` None follows from the model's files. The
    last six keys are read from old files and have no effect.
    """

    model_path: str
    adapter_path: str | None = None
    draft_model_path: str | None = None
    num_draft_tokens: AtLeastOne = 6
    cache_type: Literal["standard", "rotating", "quantized"] | None = None
    max_kv_size: AtLeastOne | None = None
    kv_bits: Literal[2, 4, 8] | None = None
    kv_group_size: Literal[32, 64, 128] = 64
    quantized_kv_start: Annotated[int, msgspec.Meta(ge=0)] = 2048
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    context: AtLeastOne | None = None
    max_concurrency: AtLeastOne = 8
    trust_remote_code: bool = False
    vision: bool | None = None
    use_flash_attention: bool | None = None
    model_size_gb: float | None = None
    batch_size: int | None = None
    enable_queue: bool | None = None
    queue_batch_size: int | None = None
    queue_timeout_ms: float | None = None

    def __post_init__(self) -> None:
        if self.vision and not self.may_see:
            raise ValueError(
                "vision: true cannot be combined with kv_bits, cache_type, draft_model_path or "
                "adapter_path; remove these, or set vision: false to use the model for text only."
            )
        if self.cache_kind == "rotating" and self.max_kv_size is None:
            raise ValueError("cache_type: rotating needs max_kv_size, the number of tokens to keep.")
        if self.draft_model_path is not None and self.cache_kind != "standard":
            raise ValueError(
                f"draft_model_path cannot be combined with a {self.cache_kind} KV cache; "
                "remove it, or remove cache_type and kv_bits."
            )

    @property
    def may_see(self) -> bool:
        """Whether these settings go together with images."""
        return self.cache_kind == "standard" and not self.draft_model_path and not self.adapter_path

    @property
    def cache_kind(self) -> Literal["standard", "rotating", "quantized"]:
        """`cache_type`, or what the other keys imply where it is not given."""
        if self.cache_type is not None:
            return self.cache_type
        return "quantized" if self.kv_bits is not None else "standard"

    @property
    def window(self) -> int | None:
        """Tokens that a rotating cache keeps; None for the other kinds."""
        return self.max_kv_size if self.cache_kind == "rotating" else None

    @property
    def longest(self) -> int | None:
        """The longest sequence that these settings allow, None for the model's own; a rotating cache forgets."""
        limits = [self.context, self.max_kv_size if self.window is None else None]
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def bits(self) -> Literal[2, 4, 8] | None:
        """Bits of a quantised cache; None for the other kinds."""
        return (self.kv_bits or DEFAULT_KV_BITS) if self.cache_kind == "quantized" else None

    def notices(self) -> list[str]:
        """A sentence for each key that is set and has no effect."""
        found = [
            f"{key} has no effect: {why}." for key, why in _WITHOUT_EFFECT.items() if getattr(self, key) is not None
        ]
        if self.kv_bits is not None and self.bits is None:
            found.append(f"kv_bits has no effect with cache_type: {self.cache_kind}; set cache_type: quantized.")
        return found

    def shape_of_cache(self) -> dict[str, Any]:
        """What decides the content of a KV cache besides weights, for the fingerprint."""
        return {
            "dtype": self.dtype,
            "window": self.window,
            "bits": self.bits,
            "group": self.kv_group_size if self.bits else None,
            "start": self.quantized_kv_start if self.bits else None,
        }
