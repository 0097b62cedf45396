"""The `mlx` provider. Importing this module does not import MLX."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from heylook_core.errors import LoadFailed
from heylook_core.provider import Capability, Estimate, ModelSpec, Provider
from heylook_mlx.config import MlxConfig

if TYPE_CHECKING:
    from heylook_core.catalog.facts import ModelFacts
    from heylook_core.catalog.recognition import Recognised
    from heylook_mlx.model import MlxModel


class MlxProvider(Provider):
    """Runs text models in the MLX and Hugging Face layouts through mlx-lm."""

    Config: ClassVar[type[MlxConfig]] = MlxConfig

    def __init__(self, spec: ModelSpec, config: MlxConfig) -> None:
        super().__init__(spec, config)

    def load(self) -> MlxModel:
        """Load on the calling thread, which becomes the model's engine thread. Raises LoadFailed."""
        try:
            from heylook_mlx.model import MlxModel
        except ImportError as error:
            raise LoadFailed(
                f"MLX could not be imported ({error}). Install it with: pip install mlx-lm on macOS, "
                'pip install "mlx-lm[cpu]" on Linux.'
            ) from error
        return MlxModel(self.config)

    def check(self) -> None:
        from heylook_mlx.soundness import check

        check(self.config)

    def estimate(self) -> Estimate | None:
        from heylook_mlx.estimate import estimate

        return estimate(self.config)

    @classmethod
    def expects(cls, config: MlxConfig, facts: ModelFacts) -> tuple[Capability, ...]:
        from heylook_mlx.profile import expected

        return expected(config, facts)

    @classmethod
    def profile(cls, name: str, found: Recognised) -> dict[str, Any]:
        from heylook_mlx.profile import cache_settings

        return cache_settings(name, found)

    def close(self) -> None:
        """Give back also what a failed load has left."""
        core = sys.modules.get("mlx.core")
        if core is not None:
            gc.collect()
            core.clear_cache()
            core.synchronize()

    @classmethod
    def leave_thread(cls) -> None:
        """A thread that ends with streams open aborts the process at its exit. No new ones can be had on it then."""
        core = sys.modules.get("mlx.core")
        if core is not None:
            core.synchronize()
            core.clear_streams()
