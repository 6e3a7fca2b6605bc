"""Constants as a graph spells them: codes, scales and the nodes that make real numbers of them.

    W (int4), s (float16)   Cast, Reshape, DequantizeLinear | Cast, Reshape, Mul, Reshape   →  W · s

A chain is evaluated with other numbers in the place of its codes or its scales. So what each scale
applies to is found out rather than guessed, whatever nodes a tool writes.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

Array = NDArray[Any]
Replaced = Mapping[ir.Value, Array]
LONGEST = 16
"""Nodes in a chain: our writer makes five."""


def leaf(value: ir.Value | None) -> ir.Value | None:
    """The initializer at the end of the chain of first inputs; None if there is none."""
    for each in _upwards(value):
        if is_stored(each):
            return each
    return None


def chain(value: ir.Value | None) -> list[ir.Node]:
    """The nodes from `value` up to its `leaf`, the last one first."""
    passed = [each for each in _upwards(value) if not is_stored(each)]
    return [node for each in passed if (node := each.producer()) is not None]


def is_constant(value: ir.Value | None) -> bool:
    """Whether every number that goes into `value` is stored, and every node on the way known.

    Quantizers count as known; `evaluate` needs their results replaced.
    """
    pending, seen = [value], 0
    while pending:
        each = pending.pop()
        if each is None or is_stored(each):
            continue
        node, seen = each.producer(), seen + 1
        if node is None or node.domain or node.op_type not in _KNOWN or seen > LONGEST:
            return False
        pending += node.inputs
    return True


def evaluate(value: ir.Value, replaced: Replaced) -> Array:
    """The numbers of `value`, for which `is_constant` holds; those of leaves may be replaced."""
    if value in replaced:
        return replaced[value]
    if is_stored(value):
        return stored_numbers(value)
    node = value.producer()
    assert node is not None, f"{value.name} is constant"
    given = [None if each is None else evaluate(each, replaced) for each in node.inputs]
    return _EVALUATE[node.op_type](node, *given)


def is_stored(value: ir.Value) -> bool:
    """Whether `value` is an initializer with numbers."""
    return value.const_value is not None and not value.is_graph_input()


def stored_numbers(value: ir.Value) -> Array:
    """The numbers of an initializer; codes of fewer than 8 bits as int8 or uint8."""
    tensor = value.const_value
    assert tensor is not None, f"{value.name} is an initializer"
    array = tensor.numpy()
    if tensor.dtype.is_integer() and tensor.dtype.bitwidth < 8:
        return array.astype(np.int8 if tensor.dtype.is_signed() else np.uint8)
    return array


def port(node: ir.Node, index: int) -> ir.Value | None:
    """Input `index`, None if it is left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def codes_type(node: ir.Node) -> ir.DataType | None:
    """The type of the codes that a QuantizeLinear makes."""
    zero_point, attribute = port(node, 2), node.attributes.get("output_dtype")
    if zero_point is not None:
        return zero_point.dtype
    if attribute is not None and attribute.as_int():
        return ir.DataType(attribute.as_int())
    return ir.DataType.UINT8


def _upwards(value: ir.Value | None) -> Iterator[ir.Value]:
    for _ in range(LONGEST):
        if value is None:
            return
        yield value
        node = value.producer()
        if is_stored(value) or node is None or not node.inputs:
            return
        value = node.inputs[0]


def _cast(node: ir.Node, x: Array) -> Array:
    return x.astype(ir.DataType(node.attributes["to"].as_int()).numpy())


def _reshape(node: ir.Node, x: Array, shape: Array) -> Array:
    kept = "allowzero" not in node.attributes or not node.attributes["allowzero"].as_int()
    sizes = [x.shape[k] if kept and not size else int(size) for k, size in enumerate(shape)]
    return x.reshape(sizes)


def _transpose(node: ir.Node, x: Array) -> Array:
    perm = node.attributes.get("perm")
    return x.transpose(None if perm is None else list(perm.as_ints()))


def _dequantize(node: ir.Node, x: Array, scale: Array, zero_point: Array | None = None) -> Array:
    numbers = x.astype(np.float32)
    if zero_point is not None:
        numbers -= _spread(node, zero_point, x.shape).astype(np.float32)
    numbers *= _spread(node, scale, x.shape).astype(np.float32)  # large weights: no second copy
    return numbers


def _spread(node: ir.Node, numbers: Array, shape: tuple[int, ...]) -> Array:
    """One number per element of a tensor of `shape`: they lie along `axis`, or in blocks of it."""
    if numbers.size == 1:
        return numbers.reshape(())
    axis = node.attributes["axis"].as_int() if "axis" in node.attributes else 1
    if numbers.ndim == 1:
        column = [1] * len(shape)
        column[axis] = -1
        return numbers.reshape(column)
    blocks = -(-shape[axis] // numbers.shape[axis])
    return np.repeat(numbers, blocks, axis).take(range(shape[axis]), axis)


_EVALUATE: dict[str, Callable[..., Array]] = {
    "Cast": _cast,
    "DequantizeLinear": _dequantize,
    "Expand": lambda _, x, shape: x * np.ones(shape, x.dtype),
    "Identity": lambda _, x: x,
    "Mul": lambda _, x, y: x * y,
    "Reshape": _reshape,
    "Squeeze": lambda _, x, axes=None: x.squeeze(None if axes is None else tuple(axes)),
    "Transpose": _transpose,
    "Unsqueeze": lambda _, x, axes: np.expand_dims(x, tuple(int(axis) for axis in axes)),
}
_KNOWN = {*_EVALUATE, "QuantizeLinear"}
