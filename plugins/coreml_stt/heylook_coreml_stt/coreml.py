"""The CoreML runtime: the one module that imports coremltools, in the worker, when a model is loaded.

Not thread-safe, and its binding holds the GIL while it loads and predicts: it belongs into a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heylook_core.errors import EngineFailed, LoadFailed
from heylook_coreml_stt.config import ComputeUnits
from heylook_coreml_stt.description import Features, NotDescribed, compiled_features
from heylook_coreml_stt.machine import obstacle
from heylook_coreml_stt.runtime import Feature, Graph, Runtime

# FeatureTypes.proto, ArrayFeatureType.ArrayDataType
DTYPES = {65552: "float16", 65568: "float32", 65600: "float64", 131104: "int32", 131080: "int8"}


class CoreML(Runtime):
    def obstacle(self) -> str | None:
        return obstacle()

    def load(self, path: Path, compute_units: ComputeUnits) -> Graph:
        """Load a `.mlmodelc`, or compile and load a `.mlpackage`. The first load on the Neural Engine takes long."""
        try:
            import coremltools
        except ImportError as error:
            message = f"coremltools could not be imported ({error}). Install it with: pip install coremltools"
            raise LoadFailed(message) from error
        units = coremltools.ComputeUnit[compute_units]
        try:
            if path.suffix == ".mlmodelc":
                inputs, outputs = compiled_features(path)
                return CoreMLGraph(path.name, inputs, outputs, coremltools.models.CompiledMLModel(str(path), units))
            model = coremltools.models.MLModel(str(path), compute_units=units)
            return CoreMLGraph(path.name, *package_features(model.get_spec()), model)
        except NotDescribed as error:
            raise LoadFailed(str(error)) from error
        except Exception as error:  # coremltools raises plain ones
            raise LoadFailed(f"CoreML cannot load {path} ({error}).") from error


class CoreMLGraph(Graph):
    def __init__(self, name: str, inputs: Features, outputs: Features, model: Any) -> None:
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self._model = model

    def predict(self, feed: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        try:
            return {name: np.asarray(value) for name, value in self._model.predict(dict(feed)).items()}
        except Exception as error:  # coremltools raises plain ones
            raise EngineFailed(f"CoreML failed in {self.name} ({error}).") from error


def package_features(spec: Any) -> tuple[Features, Features]:
    """Inputs and outputs of a package, by its own description."""
    description = spec.description
    return _features(description.input), _features(description.output)


def _features(described: Any) -> Features:
    return {each.name: _feature(each.type.multiArrayType) for each in described if each.type.HasField("multiArrayType")}


def _feature(array: Any) -> Feature:
    shape = tuple(int(size) for size in array.shape)
    ranges = [int(size.upperBound) for size in array.shapeRange.sizeRanges]
    shapes = [tuple(int(size) for size in one.shape) for one in array.enumeratedShapes.shapes]
    largest = tuple(ranges) if ranges else max(shapes, default=shape)
    return Feature(shape, DTYPES.get(array.dataType, str(array.dataType)), largest)
