"""Nodes that work number by number on fixed-point values: steps of whoever reads their results."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from q4compile.isa.instructions import Add, Max, Min, Sub
from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import Group, View, memory_rows, names
from q4compile.lower.numbers.kinds import FINEST, TABLE_INPUT, TABLE_OUTPUT, Fixed, Real, finest_for
from q4compile.lower.numbers.tables import TABLES
from q4compile.lower.phases.operations import Combine, Lookup, Multiply, Operation, Rectify, Step
from q4compile.lower.select.fixed import fixed_operand
from q4compile.lower.select.linear import fixed_for
from q4compile.lower.select.moving import row_tensor
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node

WORDS: dict[str, type[Add] | type[Sub] | type[Max] | type[Min]] = {
    "Add": Add,
    "Max": Max,
    "Min": Min,
    "Sub": Sub,
}
MAX_SHIFT = 31


def multiply(selection: Selection, node: Node) -> None:
    """``sat16(RNE(x · y, f1 + f2 − f))``; what only tables read has 11 fraction bits.

    Where that would take a shift to the left, the table's word carries it out.
    """
    (left, x), (right, y) = (fixed_operand(selection, node, port) for port in (0, 1))
    bound = left.bound * right.bound
    readings = list(selection.readers.of_numbers(node.outputs[0]))
    to_tables = bool(readings) and all(
        r.node is not None and r.node.op in TABLES and not r.node.domain for r in readings
    )
    kind = TABLE_INPUT if to_tables else fixed_for(bound, node.outputs[0])
    kind = Fixed(min(kind.f, x.f + y.f))
    operation = Multiply(x.f + y.f - kind.f)
    keep_step(selection, node, kind, bound, operation, (left.view, right.view))


def add(selection: Selection, node: Node) -> None:
    """Add and Sub: ``sat16(RNE(x · 2^(fm − f1) ± y · 2^(fm − f2), fm − f))``."""
    (left, x), (right, y) = (fixed_operand(selection, node, port) for port in (0, 1))
    bound = left.bound + right.bound
    kind = finest_for(bound, min(x.f, y.f, FINEST)) or fixed_for(bound, node.outputs[0])
    most = max(x.f, y.f)
    operation = Combine(WORDS[node.op], most - x.f, most - y.f, most - kind.f)
    keep_step(selection, node, kind, bound, operation, (left.view, right.view))


def extreme(selection: Selection, node: Node) -> None:
    """Max and Min of two values of one format."""
    if len(node.inputs) != 2:
        raise Refused("Q321", "two operands", f"{len(node.inputs)}")
    (left, x), (right, y) = (fixed_operand(selection, node, port) for port in (0, 1))
    if x != y:
        raise Refused("Q322", "two operands of one format", f"{x} and {y}")
    bound = max(left.bound, right.bound)
    operation = Combine(WORDS[node.op], 0, 0, 0)
    keep_step(selection, node, x, bound, operation, (left.view, right.view))


def rectify(selection: Selection, node: Node) -> None:
    """``max(x, 0)``."""
    found, kind = fixed_operand(selection, node, 0)
    keep_step(selection, node, kind, found.bound, Rectify(), (found.view,))


def look_up(selection: Selection, node: Node) -> None:
    """Tanh and Sigmoid, of values brought to 11 fraction bits."""
    found, kind = fixed_operand(selection, node, 0)
    # More than the largest shift would change nothing: it saturates all but 0.
    left = min(max(TABLE_INPUT.f - kind.f, 0), MAX_SHIFT)
    operation = Lookup(node.op, left, max(kind.f - TABLE_INPUT.f, 0))
    keep_step(selection, node, TABLE_OUTPUT, Fraction(1), operation, (found.view,))


def keep_step(
    selection: Selection,
    node: Node,
    kind: Fixed | Real,
    bound: Fraction,
    operation: Operation,
    views: Sequence[View],
) -> None:
    """The result as a step, in the columns of the first operand."""
    first = views[0].tensor
    axes, rows = views[0].axes, first.rows
    if len(views) > 1:
        axes = _broadcast(views)
        rows = memory_rows(axes[:-1], selection.lane)
    tensor = replace(first.recoded(node.outputs[0], kind, kind.element), rows=rows)
    selection.steps[tensor.name] = Step(operation, tuple(views), tensor)
    selection.keep(tensor.name, kind, bound, View(tensor, axes))


def _broadcast(views: Sequence[View]) -> tuple[Group, ...]:
    """The ONNX axes of the result: an axis of length 1 takes the other operand's.

    Raises:
        Refused: Q325 for axes that differ otherwise, and for rows that are not whole or differ.
    """
    rank = max(len(view.axes) for view in views)
    padded = [((),) * (rank - len(view.axes)) + view.axes[:-1] for view in views]
    found = []
    for groups in zip(*padded, strict=True):
        distinct = {names(group) for group in groups if group}
        if len(distinct) > 1:
            got = " and ".join(" · ".join(map(str, group)) or "1" for group in groups)
            raise Refused("Q325", "operands of the same axes, or of length 1", got)
        found.append(next((group for group in groups if group), ()))
    _require_alike(views)
    return (*found, views[0].tensor.columns)


def _require_alike(views: Sequence[View]) -> None:
    """Whole rows of as many columns, with gaps at the same places."""
    first = views[0].tensor
    for view in views:
        tensor = row_tensor(view)
        gaps = () if tensor.is_dense else (tensor.slices, tensor.slice_step)
        wanted = () if first.is_dense else (first.slices, first.slice_step)
        if tensor.width != first.width or gaps != wanted:
            got = f"{first.width} of '{first.name}', {tensor.width} of '{tensor.name}'"
            raise Refused("Q325", "as many columns in all operands, laid out alike", got)
