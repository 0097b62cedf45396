"""Operations of MIL on numpy arrays, with the parameters that MIL gives them; an unknown one is a TypeError.

Semantics: coremltools, converters/mil/mil/ops/defs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any
DTYPES = {"fp16": np.float16, "fp32": np.float32, "int32": np.int32, "bool": np.bool_}


def _axes(axes: Any) -> tuple[int, ...] | None:
    return None if axes is None else tuple(int(axis) for axis in np.atleast_1d(axes))


def _refuse(reason: str) -> None:
    raise NotImplementedError(reason)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


def log(x: Array, epsilon: float = 1e-45) -> Array:
    return np.log(x + np.float32(epsilon))


def cast(x: Array, dtype: str) -> Array:
    return np.asarray(x).astype(DTYPES[str(dtype)])


def gather(x: Array, indices: Array, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False) -> Array:
    if int(batch_dims):
        _refuse("gather with batch_dims")
    return np.take(x, indices, axis=int(axis))


def gather_along_axis(x: Array, indices: Array, axis: int = 0, validate_indices: bool = False) -> Array:
    return np.take_along_axis(x, indices, int(axis))


def matmul(x: Array, y: Array, transpose_x: bool = False, transpose_y: bool = False) -> Array:
    left = np.swapaxes(x, -1, -2) if transpose_x else x
    return np.matmul(left, np.swapaxes(y, -1, -2) if transpose_y else y)


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    return x @ weight.T + (0 if bias is None else bias)


def softmax(x: Array, axis: int = -1) -> Array:
    powers = np.exp(x - x.max(axis=int(axis), keepdims=True))
    return powers / powers.sum(axis=int(axis), keepdims=True)


def reduce_argmax(x: Array, axis: int = -1, keep_dims: bool = True, output_dtype: str = "int32") -> Array:
    return np.argmax(x, axis=int(axis), keepdims=bool(keep_dims)).astype(DTYPES[str(output_dtype)])


def reduce_max(x: Array, axes: Any = None, keep_dims: bool = False) -> Array:
    return np.max(x, axis=_axes(axes), keepdims=bool(keep_dims))


def reduce_sum(x: Array, axes: Any = None, keep_dims: bool = False) -> Array:
    return np.sum(x, axis=_axes(axes), keepdims=bool(keep_dims))


def topk(
    x: Array,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> tuple[Array, Array]:
    if not sort or not return_indices:
        _refuse("topk that is not sorted, or without indices")
    order = np.argsort(x if ascending else -x, axis=int(axis), kind="stable")
    best = np.take(order, np.arange(int(k)), axis=int(axis))
    return np.take_along_axis(x, best, int(axis)), best.astype(DTYPES[str(output_indices_dtype)])


def slice_by_index(
    x: Array,
    begin: Any,
    end: Any,
    stride: Any = None,
    begin_mask: Any = None,
    end_mask: Any = None,
    squeeze_mask: Any = None,
) -> Array:
    places: list[Any] = []
    for axis in range(x.ndim):
        if squeeze_mask is not None and squeeze_mask[axis]:
            places.append(int(begin[axis]))
            continue
        first = None if begin_mask is not None and begin_mask[axis] else int(begin[axis])
        last = None if end_mask is not None and end_mask[axis] else int(end[axis])
        places.append(slice(first, last, 1 if stride is None else int(stride[axis])))
    return x[tuple(places)]


def pad(x: Array, pad: Any, mode: str = "constant", constant_val: float = 0.0) -> Array:
    widths = [tuple(int(number) for number in pair) for pair in np.asarray(pad).reshape(-1, 2)]
    widths = [(0, 0)] * (x.ndim - len(widths)) + widths
    if str(mode) != "constant":
        _refuse(f"pad with the mode {mode}")
    return np.pad(x, widths, constant_values=constant_val)


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    strides: Any = None,
    pad_type: str = "valid",
    pad: Any = None,
    dilations: Any = None,
    groups: int = 1,
) -> Array:
    """(N, in, T) with (out, in / groups, width)."""
    if x.ndim != 3 or str(pad_type) != "valid":
        _refuse(f"conv of {x.ndim} dimensions with the padding {pad_type}")
    step = 1 if strides is None else int(strides[0])
    apart = 1 if dilations is None else int(dilations[0])
    span = (weight.shape[2] - 1) * apart + 1
    views = np.lib.stride_tricks.sliding_window_view(x, span, axis=2)[:, :, ::step, ::apart]
    count, parts = int(groups), []
    for channels, kernel in zip(np.split(views, count, axis=1), np.split(weight, count, axis=0), strict=True):
        rows = channels.transpose(0, 2, 1, 3).reshape(x.shape[0], views.shape[2], -1)
        parts.append((rows @ kernel.reshape(len(kernel), -1).T).transpose(0, 2, 1))
    found = np.concatenate(parts, axis=1)
    return found if bias is None else found + bias[None, :, None]


def lstm(
    x: Array,
    initial_h: Array,
    initial_c: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
) -> tuple[Array, Array, Array]:
    """(T, N, in); the gates of the weights are in the order input, forget, output, cell."""
    usual = ("forward", "sigmoid", "tanh", "tanh")
    if tuple(map(str, (direction, recurrent_activation, cell_activation, activation))) != usual:
        _refuse("lstm with other directions or activations")
    hidden, cell, outputs = initial_h, initial_c, []
    for row in x:
        gates = row @ weight_ih.T + hidden @ weight_hh.T + (0 if bias is None else bias)
        i, f, o, g = np.split(gates, 4, axis=-1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        outputs.append(hidden)
    return (np.stack(outputs) if output_sequence else hidden[None]), hidden, cell


def _binary(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda x, y: function(x, y)


def _unary(function: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda x: function(x)


def _stack(values: Sequence[Any], axis: int) -> Array:
    return np.stack(values, int(axis))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": _binary(np.add),
    "sub": _binary(np.subtract),
    "mul": _binary(np.multiply),
    "real_div": _binary(np.true_divide),
    "floor_div": _binary(np.floor_divide),
    "maximum": _binary(np.maximum),
    "less": _binary(np.less),
    "greater_equal": _binary(np.greater_equal),
    "relu": _unary(lambda x: np.maximum(x, 0)),
    "sigmoid": _unary(sigmoid),
    "square": _unary(np.square),
    "sqrt": _unary(np.sqrt),
    "identity": _unary(lambda x: x),
    "shape": _unary(lambda x: np.array(x.shape, np.int32)),
    "log": log,
    "cast": cast,
    "expand_dims": lambda x, axes: np.expand_dims(x, _axes(axes) or ()),
    "squeeze": lambda x, axes=None: np.squeeze(x, _axes(axes)),
    "transpose": lambda x, perm: np.transpose(x, [int(axis) for axis in perm]),
    "reshape": lambda x, shape: np.reshape(x, [int(size) for size in shape]),
    "stack": _stack,
    "range_1d": lambda start, end, step: np.arange(start, end, step),
    "select": lambda cond, a, b: np.where(cond, a, b),
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "matmul": matmul,
    "linear": linear,
    "softmax": softmax,
    "reduce_argmax": reduce_argmax,
    "reduce_max": reduce_max,
    "reduce_sum": reduce_sum,
    "topk": topk,
    "slice_by_index": slice_by_index,
    "pad": pad,
    "conv": conv,
    "lstm": lstm,
}
