"""Inputs and outputs of a compiled model, from the metadata.json that the compiler leaves in it.

coremltools loads a `.mlmodelc` but does not describe it. The keys are those of `FeatureType::toDictionary` in its
mlmodel/src/Format sources: every value is a string, shapes are JSON in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

from heylook_coreml_stt.runtime import Feature

Features: TypeAlias = dict[str, Feature]

DTYPES = {"Float16": "float16", "Float32": "float32", "Double": "float64", "Int32": "int32", "Int8": "int8"}


class NotDescribed(ValueError):
    """A compiled model that does not say what it takes and gives."""


def compiled_features(path: Path) -> tuple[Features, Features]:
    """Inputs and outputs. Raises NotDescribed."""
    file = path / "metadata.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        described = told[0] if isinstance(told, list) else told
        inputs, outputs = (_features(described[key]) for key in ("inputSchema", "outputSchema"))
    except OSError as error:
        raise NotDescribed(f"{file} cannot be read ({error.strerror}); compile the model again.") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise NotDescribed(f"{file} does not describe the model ({error!r}); compile the model again.") from error
    return inputs, outputs


def _features(schema: list[dict[str, Any]]) -> Features:
    return {entry["name"]: _feature(entry) for entry in schema if entry.get("type", "MultiArray") == "MultiArray"}


def _feature(entry: dict[str, Any]) -> Feature:
    shape = _numbers(entry.get("shape", "[]"))
    dtype = DTYPES.get(entry.get("dataType", ""), entry.get("dataType", ""))
    if "shapeRange" in entry:
        largest = tuple(int(upper) for _, upper in json.loads(entry["shapeRange"]))
    elif "enumeratedShapes" in entry:
        largest = max((_numbers(one) for one in json.loads(entry["enumeratedShapes"])), default=shape)
    else:
        largest = shape
    return Feature(shape, dtype, largest)


def _numbers(told: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in (json.loads(told) if isinstance(told, str) else told))
