"""Hooks of the GGUF plugin: recognising model files, and what doctor says about the library. Light."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from heylook_core.errors import PluginError
from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from heylook_core.catalog.recognition import Recognised, Unservable


@hookimpl
def recognise_model(path: Path, companions: tuple[Path, ...]) -> Recognised | Unservable | None:
    """A GGUF file by its header: a model with the projector beside it, or why it is none."""
    from heylook_gguf.recognition import recognise

    return recognise(path, companions)


@hookimpl
def diagnose() -> list[tuple[str, str, str]]:
    """The version of llama-cpp-python, what it was built with, and whether layers can go to a GPU."""
    subject = "llama.cpp"
    if importlib.util.find_spec("llama_cpp") is None:
        return [(subject, "error", "llama-cpp-python is not installed: install it with: pip install llama-cpp-python")]
    from heylook_gguf.library import library

    try:
        found = library()
    except PluginError as error:
        return [(subject, "error", error.message)]
    rows = [(subject, "ok", f"llama-cpp-python {found.version}; {found.system_info().strip()}")]
    if found.c.llama_supports_gpu_offload():
        return [*rows, ("llama.cpp GPU", "ok", "Layers can be offloaded to a GPU.")]
    remedy = (
        "Built without GPU support: models run on the processor. docs/how-to/install-gguf.md says how to rebuild it."
    )
    return [*rows, ("llama.cpp GPU", "warning", remedy)]
