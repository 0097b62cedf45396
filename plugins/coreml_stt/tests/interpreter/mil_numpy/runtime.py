"""The runtime of the tests, and a provider that differs from the real one in nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heylook_coreml_stt.config import ComputeUnits
from heylook_coreml_stt.provider import CoreMLProvider
from heylook_coreml_stt.runtime import Graph, Runtime
from mil_numpy.operations import OPERATIONS
from mil_numpy.program import Name, Operation, Program, load

Watch = Callable[[Operation, dict[str, Any], tuple[Any, ...]], None]


class NumpyGraph(Graph):
    """`watch` is told of every operation with its inputs and outputs."""

    def __init__(self, name: str, program: Program, watch: Watch | None = None) -> None:
        self.name = name
        self.inputs = program.inputs
        self.outputs = program.outputs
        self._program = program
        self._watch = watch

    def predict(self, feed: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """As strict about names, types and shapes as CoreML."""
        self._check(feed)
        known: dict[str, Any] = dict(feed)
        for operation in self._program.operations:
            inputs = {name: _of(value, known) for name, value in operation.inputs.items()}
            found = OPERATIONS[operation.kind](**inputs)
            outputs = tuple(_typed(each) for each in (found if isinstance(found, tuple) else (found,)))
            known.update(zip(operation.outputs, outputs, strict=True))
            if self._watch is not None:
                self._watch(operation, inputs, outputs)
        return {name: known[name] for name in self.outputs}

    def _check(self, feed: Mapping[str, np.ndarray[Any, Any]]) -> None:
        if set(feed) != set(self.inputs):
            raise ValueError(f"{self.name} takes {sorted(self.inputs)}, not {sorted(feed)}")
        for name, value in feed.items():
            ranges = self._program.ranges[name]
            if value.dtype != self.inputs[name].dtype:
                raise TypeError(f"{name} of {self.name} is {self.inputs[name].dtype}, not {value.dtype}")
            fits = all(least <= size <= most for size, (least, most) in zip(value.shape, ranges, strict=False))
            if value.ndim != len(ranges) or not fits:
                raise ValueError(f"{name} of {self.name} has the sizes {ranges}, not {value.shape}")


def _of(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, tuple):
        return [_of(each, known) for each in value]
    return known[value.of] if isinstance(value, Name) else value


def _typed(value: Any) -> np.ndarray[Any, Any]:
    """MIL has no doubles."""
    array = np.asarray(value)
    narrower = NARROWER.get(array.dtype)
    return array if narrower is None else array.astype(narrower)


NARROWER = {np.dtype(np.float64): np.float32, np.dtype(np.int64): np.int32}


class NumpyRuntime(Runtime):
    def obstacle(self) -> str | None:
        return None

    def load(self, path: Path, compute_units: ComputeUnits) -> Graph:
        return NumpyGraph(path.name, load(path))


class InterpretedProvider(CoreMLProvider):
    """`coreml_stt` on `NumpyRuntime`."""

    def runtime(self) -> Runtime:
        return NumpyRuntime()
