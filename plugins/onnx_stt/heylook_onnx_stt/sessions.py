"""onnxruntime sessions of a model. The only module that imports onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import onnxruntime

from heylook_core.errors import LoadFailed, OutOfMemory

QUIET = 3  # onnxruntime's log level for errors


class Tensor(NamedTuple):
    """An input or output: onnxruntime's name of its type, and its dimensions, None where they are free."""

    type: str
    shape: tuple[int | None, ...]


class Graph:
    """A loaded graph. `run` may be called by any thread, and releases the GIL."""

    def __init__(self, file: Path, threads: int | None, providers: Sequence[str]) -> None:
        self.file = file
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        # Threads that wait for work by spinning take the processor from the server and from other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        self._check_providers(providers)
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=list(providers))
        except MemoryError as error:
            raise OutOfMemory(f"{file} does not fit into memory.") from error
        except Exception as error:
            raise LoadFailed(
                f"onnxruntime cannot load {file} ({_first_line(error)}): is the download whole?"
            ) from error
        self.inputs = {one.name: _tensor(one) for one in self._session.get_inputs()}
        self.outputs = {one.name: _tensor(one) for one in self._session.get_outputs()}

    @staticmethod
    def _check_providers(providers: Sequence[str]) -> None:
        known = onnxruntime.get_available_providers()
        for provider in providers:
            if provider not in known:
                raise LoadFailed(
                    f"execution_providers names {provider!r}, but this onnxruntime has {', '.join(known)}: name one of "
                    "these, or install a build of onnxruntime that has it."
                )

    def run(self, outputs: Sequence[str], feed: dict[str, Any]) -> list[Any]:
        found: list[Any] = self._session.run(list(outputs), feed)
        return found


def version() -> str:
    """The version of onnxruntime and what it can compute on."""
    return f"onnxruntime {onnxruntime.__version__}; {', '.join(onnxruntime.get_available_providers())}"


def _tensor(found: Any) -> Tensor:
    return Tensor(found.type, tuple(size if isinstance(size, int) else None for size in found.shape))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
