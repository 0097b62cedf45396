"""A program as plain data: what coremltools reads in a package, kept beside it so that others need not import that."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heylook_coreml_stt.runtime import Feature
from mil_numpy.operations import OPERATIONS


@dataclass(frozen=True)
class Name:
    """The value that an earlier operation, or an input, has given."""

    of: str


@dataclass(frozen=True)
class Operation:
    """`inputs` are values, Names, or tuples of both."""

    kind: str
    inputs: dict[str, Any]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """`ranges` are the least and the largest size of each axis of each input."""

    inputs: dict[str, Feature]
    outputs: dict[str, Feature]
    ranges: dict[str, tuple[tuple[int, int], ...]]
    operations: tuple[Operation, ...]


def load(package: Path) -> Program:
    """Raises NotImplementedError for an operation that is not known."""
    kept = package.with_suffix(".program")
    if not kept.exists():
        kept.write_bytes(pickle.dumps(read(package)))
    found: Program = pickle.loads(kept.read_bytes())
    return found


def read(package: Path) -> Program:
    from coremltools.converters.mil.frontend.milproto.load import load as load_program
    from coremltools.models.utils import load_spec

    from heylook_coreml_stt.coreml import package_features

    spec = load_spec(str(package))
    weights = package / "Data" / "com.apple.CoreML" / "weights"
    function = load_program(spec, spec.specificationVersion, str(weights)).functions["main"]
    operations = [operation for operation in function.operations if operation.op_type != "const"]
    if unknown := {operation.op_type for operation in operations} - set(OPERATIONS):
        raise NotImplementedError(f"{package.name} has the operations {', '.join(sorted(unknown))}")
    computed = {each.name for operation in operations for each in operation.outputs} | set(function.inputs)
    inputs, outputs = package_features(spec)
    ranges = {each.name: _ranges(each.type.multiArrayType) for each in spec.description.input}
    return Program(inputs, outputs, ranges, tuple(_operation(operation, computed) for operation in operations))


def _ranges(array: Any) -> tuple[tuple[int, int], ...]:
    told = tuple((int(size.lowerBound), int(size.upperBound)) for size in array.shapeRange.sizeRanges)
    return told or tuple((int(size), int(size)) for size in array.shape)


def _operation(operation: Any, computed: set[str]) -> Operation:
    inputs = {name: _value(value, computed) for name, value in operation.inputs.items() if value is not None}
    return Operation(operation.op_type, inputs, tuple(each.name for each in operation.outputs))


def _value(value: Any, computed: set[str]) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_value(each, computed) for each in value)
    if value.name in computed:
        return Name(value.name)
    if value.val is None:
        raise NotImplementedError(f"{value.name} has no value")
    return value.val
