"""The provider `gguf`. Light: llama.cpp is imported by `load` and `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from heylook_core.provider import Provider
from heylook_gguf.config import GgufConfig

if TYPE_CHECKING:
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

    def check(self) -> None:
        from heylook_gguf.soundness import check

        check(self.config)
