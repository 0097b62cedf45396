"""Brings the demo model along, so that a server without any configuration has something to serve. Light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl
from heylook_demo_model import gguf_path, mlx_path

if TYPE_CHECKING:
    from heylook_core.settings import ModelEntry

NAME = "heylook-demo"
GGUF_NAME = "heylook-demo-gguf"

# Greedy: the answers that the model has learned are its most likely ones. A request may still ask for another.
GREEDY = 0.0
CONTEXT = 2048

DESCRIPTION = "A model of 3.9 million parameters for trying and testing heylook; no use for anything else."


@hookimpl
def provide_models() -> list[ModelEntry]:
    """The model for either backend. Two entries have one id: the catalogue takes the first whose provider is there.

    So `heylook-demo` is the one on MLX, or the GGUF where only that backend is installed; `heylook-demo-gguf` is the
    GGUF in either case, and never loaded twice.
    """
    return [
        _entry(NAME, "mlx", str(mlx_path())),
        _entry(NAME, "gguf", str(gguf_path()), (GGUF_NAME,)),
        _entry(GGUF_NAME, "gguf", str(gguf_path())),
    ]


def _entry(name: str, provider: str, path: str, aliases: tuple[str, ...] = ()) -> ModelEntry:
    from heylook_core.settings import ModelEntry

    config = {"model_path": path, "temperature": GREEDY}
    if provider == "gguf":
        config["n_ctx"] = CONTEXT
    return ModelEntry(
        id=name, provider=provider, config=config, aliases=aliases, description=DESCRIPTION, tags=("demo", provider)
    )
