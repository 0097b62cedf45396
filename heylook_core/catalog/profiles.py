"""Import profiles: what they set besides what a model's files ask for."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from heylook_core.catalog.recognition import Recognised
from heylook_core.provider import Provider, TokenConfig

Profile: TypeAlias = Literal["fast", "balanced", "quality", "memory", "interactive"]
PROFILES: tuple[str, ...] = get_args(Profile)

# The same for every backend that writes text; what concerns memory is `Provider.profile`.
SAMPLING: dict[str, dict[str, Any]] = {
    "fast": {"temperature": 0.3, "top_k": 10, "min_p": 0.1, "max_tokens": 256, "repetition_penalty": 1.0},
    "balanced": {"temperature": 0.7, "top_k": 40, "min_p": 0.05, "max_tokens": 512, "repetition_penalty": 1.05},
    "quality": {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "max_tokens": 1024, "repetition_penalty": 1.1},
    "memory": {"max_tokens": 256},
    "interactive": {
        "temperature": 0.7,
        "top_k": 30,
        "min_p": 0.05,
        "max_tokens": 512,
        "repetition_penalty": 1.05,
        "repetition_context_size": 20,
    },
}


def profile_config(profile: str, found: Recognised, provider: type[Provider]) -> dict[str, Any]:
    """The keys of `config` that a profile sets for this model, only such as the provider knows."""
    samples = found.generates and issubclass(provider.Config, TokenConfig)
    return {**(SAMPLING[profile] if samples else {}), **provider.profile(profile, found)}


def config_keys(provider: type[Provider]) -> tuple[str, ...]:
    """The keys that a provider's `config` may have."""
    names: tuple[str, ...] = provider.Config.__struct_encode_fields__
    return names
