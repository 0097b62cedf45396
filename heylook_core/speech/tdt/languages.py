"""Which languages a transducer knows, by its vocabulary: no file of a published model says it."""

from __future__ import annotations

from collections.abc import Sequence

# The model card of nvidia/parakeet-tdt-0.6b-v3.
PARAKEET_V3 = (
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it"),
    *("lt", "lv", "mt", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "uk"),
)
SIZES: dict[int, tuple[str, ...]] = {8192: PARAKEET_V3, 1024: ("en",), 3072: ("ja",)}


def languages_of(pieces: Sequence[str]) -> tuple[str, ...]:
    """ISO 639-1 codes; none where the vocabulary (without its blank) is not one of NVIDIA's Parakeet models."""
    return SIZES.get(len(pieces), ())
