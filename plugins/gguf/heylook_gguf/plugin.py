"""Hooks of the GGUF plugin: recognising model files, and what doctor says about the library. Light."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from heylook_core.errors import PluginError
from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from heylook_core.settings import ModelEntry

_SIDECARS = ("mmproj", "mtp-", "imatrix")


@hookimpl
def recognise_model(path: Path) -> ModelEntry | None:
    """A `.gguf` file that is a model of its own: no projector or adapter, and the first part of a split one."""
    from heylook_core.catalog.gguf import NotGguf, read_header, shard
    from heylook_core.settings import ModelEntry

    if path.suffix.lower() != ".gguf" or not path.is_file():
        return None
    part = shard(path)
    if any(word in path.name.lower() for word in _SIDECARS) or (part is not None and part[0] != 1):
        return None
    try:
        header = read_header(path, whole=False)
    except (NotGguf, OSError):
        return None
    if header.is_sidecar or (header.tensors == 0 and part is None):
        return None
    name = path.stem.split("-00001-of-")[0]
    return ModelEntry(id=name, provider="gguf", config={"model_path": str(path)}, tags=("gguf",))


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
