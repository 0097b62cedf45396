"""The provider `gguf`. Light: llama.cpp is imported by `load` and `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from heylook_core.provider import Capability, Estimate, Provider
from heylook_gguf.config import GgufConfig

if TYPE_CHECKING:
    from heylook_core.catalog.facts import ModelFacts
    from heylook_core.catalog.recognition import Recognised
    from heylook_gguf.model import GgufModel


class GgufProvider(Provider):
    """Serves one GGUF file with llama.cpp: in a process of its own, because a failed assertion in it ends the process.

    `python -m benchmarks.gguf channels` shows what that costs.
    """

    placement: ClassVar[Literal["thread", "process"]] = "process"
    Config: ClassVar[type[GgufConfig]] = GgufConfig
    config: GgufConfig

    def load(self) -> GgufModel:
        from heylook_gguf.model import GgufModel

        return GgufModel(self.config)

    def estimate(self) -> Estimate | None:
        from heylook_gguf.estimate import estimate

        return estimate(self.config)

    @classmethod
    def expects(cls, config: GgufConfig, facts: ModelFacts) -> tuple[Capability, ...]:
        from heylook_gguf.profile import expected

        return expected(config, facts)

    @classmethod
    def profile(cls, name: str, found: Recognised) -> dict[str, Any]:
        from heylook_gguf.profile import cache_settings

        return cache_settings(name, found)

    def check(self) -> None:
        from heylook_gguf.soundness import check

        check(self.config)
