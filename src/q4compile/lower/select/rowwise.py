"""Nodes that see a whole row: LayerNormalization, Softmax, LogSoftmax.

All of them along the last axis, of numbers that lie together.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from q4compile.isa.instructions.rowwise import MOST_COLUMNS
from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import Tensor, View
from q4compile.lower.numbers.kinds import (
    INT32_MAX,
    TABLE_INPUT,
    TABLE_OUTPUT,
    Fixed,
    finest_for,
)
from q4compile.lower.phases.operations import Step
from q4compile.lower.phases.row_operations import Normalize, RowOperation, Soften
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.fixed import fixed_operand
from q4compile.lower.select.linear import fixed_for, reals
from q4compile.lower.select.moving import row_tensor
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node

EPSILON = 1e-5
"""What ONNX has where none is given."""
EPSILON_BITS = 60
NORMAL_BITS = 16
"""Fraction bits of a normalized number before it is scaled."""
SCALE_BITS = 15


def layer_norm(selection: Selection, node: Node) -> None:
    """``(x − mean) / √(variance + ε) · scale + bias``."""
    found, kind, tensor = whole_rows(selection, node)
    _require_last(node, found, node.attributes.get("axis", -1))
    if any(node.outputs[1:]):
        raise Refused("Q321", "a LayerNormalization of one output", f"{len(node.outputs)}")
    columns = tensor.width
    if columns > MOST_COLUMNS:
        raise Refused("Q325", f"rows of at most {MOST_COLUMNS} numbers", f"{columns}")
    scales, biases = _vector(selection, node, 1, columns), _vector(selection, node, 2, columns)
    largest, shift = max(map(abs, scales)), max(map(abs, biases))
    bound = largest * _normal_bound(columns) + shift
    result = fixed_for(bound, node.outputs[0])
    scale_kind = finest_for(largest, SCALE_BITS)
    assert scale_kind is not None, "the bound has a format"
    bits = NORMAL_BITS + scale_kind.f
    bias_bits = next(f for f in range(bits, -64, -1) if shift * Fraction(2) ** f <= INT32_MAX)
    given = Fraction(float(node.attributes.get("epsilon", EPSILON)))
    epsilon = round(given * columns**2 * Fraction(4) ** kind.f)
    if not 0 <= epsilon < 2**EPSILON_BITS:
        raise Refused("Q324", f"an epsilon below 2^{EPSILON_BITS}", f"{epsilon}")
    operation = Normalize(
        epsilon,
        tuple(round(each * Fraction(2) ** scale_kind.f) for each in scales),
        tuple(round(each * Fraction(2) ** bias_bits) for each in biases),
        bits - result.f,
        bits - bias_bits,
    )
    _keep(selection, node, found, operation, result, bound)


def _normal_bound(columns: int) -> int:
    """The least r ≥ 1 with r² ≥ C − 1: no number of a normalized row is larger."""
    return next(r for r in range(1, columns + 1) if r * r >= columns - 1)


def soften(selection: Selection, node: Node) -> None:
    """Softmax and LogSoftmax."""
    found, kind, tensor = whole_rows(selection, node)
    _require_last(node, found, node.attributes.get("axis", -1))
    shifts = (max(TABLE_INPUT.f - kind.f, 0), max(kind.f - TABLE_INPUT.f, 0))
    if node.op == "Softmax":
        _keep(selection, node, found, Soften(*shifts, None), TABLE_OUTPUT, Fraction(1))
        return
    bound = 2 * found.bound + tensor.width.bit_length()
    result = fixed_for(bound, node.outputs[0])
    out_shift = TABLE_OUTPUT.f - result.f
    _keep(selection, node, found, Soften(*shifts, out_shift), result, bound)


def whole_rows(selection: Selection, node: Node) -> tuple[Numbers, Fixed, Tensor]:
    """The operand, its format and its tensor, of rows without gaps along the last axis."""
    found, kind = fixed_operand(selection, node, 0)
    tensor = row_tensor(found.view)
    if not tensor.is_dense:
        got = f"'{tensor.name}', with gaps behind {tensor.slice_columns} numbers"
        raise Refused("Q325", "rows without gaps", got)
    return found, kind, tensor


def _require_last(node: Node, found: Numbers, axis: int) -> None:
    last = len(found.view.axes) - 1
    if axis not in (-1, last):
        raise Refused("Q325", f"{node.op} along the last axis", f"axis {axis}")


def _vector(selection: Selection, node: Node, port: int, columns: int) -> Sequence[Fraction]:
    """The constant numbers at a port; zeros where it is left out."""
    name = node.inputs[port].value if port < len(node.inputs) else ""
    if not name:
        return [Fraction(0)] * columns
    constant = selection.network.constants.get(name)
    if constant is None or constant.shape != (columns,) or not np.isfinite(constant).all():
        raise Refused("Q323", f"a constant of {columns} numbers", f"'{name}'")
    return reals(constant, columns)


def _keep(
    selection: Selection,
    node: Node,
    found: Numbers,
    operation: RowOperation,
    kind: Fixed,
    bound: Fraction,
) -> None:
    source = found.view.tensor
    tensor = replace(source, name=node.outputs[0], kind=kind, element=kind.element)
    selection.steps[tensor.name] = Step(operation, (found.view,), tensor)
    selection.keep(tensor.name, kind, bound, View(tensor, found.view.axes))
