"""Integers at compile time: shapes, and the lengths of sequences in terms of an input.

    floor((length + plus) / divide)

is all that a length may become on its way to a recurrence.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Extent
from q4compile.lower.numbers.kinds import Integer
from q4compile.lower.phases.values import Lengths, Measured, Numbers, Value, Zeros
from q4compile.lower.select.moving import integers, moved, require_whole
from q4compile.lower.select.selection import Selection, described
from q4compile.quantize.network import Node

INTEGER_TYPES = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
"""Of onnx.TensorProto."""


def shape(selection: Selection, node: Node) -> None:
    """The lengths of the axes."""
    found = require_whole(moved(selection, node))
    if not isinstance(found, Numbers):
        raise Refused("Q325", "the shape of numbers", described(found))
    sizes = []
    for group in found.view.axes:
        size = Extent()
        for axis in group:
            size = size * Extent.of(axis.size)
        sizes.append(size)
    start, end = node.attributes.get("start", 0), node.attributes.get("end", len(sizes))
    selection.values[node.outputs[0]] = Measured(tuple(sizes[start:end]))


def element_of(selection: Selection, node: Node, shape: Measured) -> None:
    """Gather of integers out of a shape."""
    index = selection.value(node.inputs[1].value)
    chosen = integers(selection, node, 1)
    is_scalar = isinstance(index, Measured) and index.is_scalar
    selection.values[node.outputs[0]] = Measured(tuple(shape.sizes[n] for n in chosen), is_scalar)


def filled(selection: Selection, node: Node) -> None:
    """ConstantOfShape and Expand of zeros."""
    fill = node.attributes.get("value", np.zeros(1, np.float32))
    if np.any(fill) or np.asarray(fill).dtype.kind != "f":
        raise Refused("Q321", "a tensor of zeros", "other numbers")
    selection.values[node.outputs[0]] = Zeros()


def expand(selection: Selection, node: Node) -> None:
    """More of the same zeros."""
    found = require_whole(moved(selection, node))
    if not isinstance(found, Zeros):
        raise Refused("Q321", "an Expand of zeros", described(found))
    selection.values[node.outputs[0]] = found


def cast(selection: Selection, node: Node) -> None:
    """Integers remain what they are."""
    found = require_whole(moved(selection, node))
    is_token = isinstance(found, Numbers) and isinstance(found.kind, Integer)
    is_integer = isinstance(found, (Lengths, Measured)) or is_token
    if not is_integer or node.attributes.get("to") not in INTEGER_TYPES:
        raise Refused("Q321", "a Cast between integers", described(found))
    selection.values[node.outputs[0]] = found


def is_reckoning(selection: Selection, node: Node) -> bool:
    """Whether an arithmetic node works on integers."""
    found = [selection.value(operand.value) for operand in node.inputs]
    return all(isinstance(each, (Lengths, Measured)) for each in found)


def reckon(selection: Selection, node: Node) -> None:
    """Add, Sub, Mul or Div of integers."""
    left, right = (selection.value(operand.value) for operand in node.inputs)
    if isinstance(right, Lengths) and node.op == "Add":
        left, right = right, left
    made: Value | None = None
    if isinstance(right, Measured) and len(right.sizes) == 1:
        number = right.sizes[0]
        if isinstance(left, Lengths) and number.constant is not None:
            made = _of_lengths(node.op, left, number.constant)
        elif isinstance(left, Measured) and len(left.sizes) == 1:
            size = _of_sizes(node.op, left.sizes[0], number)
            both = left.is_scalar and right.is_scalar
            made = None if size is None else Measured((size,), both)
    if made is None:
        need = "ceil(lengths / n), or products of lengths of axes"
        raise Refused("Q325", need, f"{node.op} of {described(left)} and {described(right)}")
    selection.values[node.outputs[0]] = made


def _of_lengths(op: str, found: Lengths, number: int) -> Lengths | None:
    if op == "Add":
        return replace(found, plus=found.plus + number * found.divide)
    if op == "Sub":
        return replace(found, plus=found.plus - number * found.divide)
    if op == "Div" and number > 0:
        return replace(found, divide=found.divide * number)
    return None


NUMBERS: dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a // b,
}


def _of_sizes(op: str, left: Extent, right: Extent) -> Extent | None:
    """Numbers as such; sizes as far as they stay products."""
    if left.constant is not None and right.constant is not None:
        divides = op != "Div" or (right.times > 0 and left.times >= 0)
        return Extent(NUMBERS[op](left.times, right.times)) if divides else None
    if op == "Mul":
        return left * right
    factor = right.constant
    if op == "Div" and factor and factor > 0 and left.times % factor == 0:
        return Extent(left.times // right.times, left.names)
    return None
