"""Nodes that work number by number on fixed-point values: steps of whoever reads their results."""

from collections.abc import Sequence
from fractions import Fraction

from q4compile.isa.instructions import Add, Max, Min, Sub
from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import View
from q4compile.lower.numbers.kinds import FINEST, TABLE_INPUT, TABLE_OUTPUT, Fixed, Real, finest_for
from q4compile.lower.numbers.tables import TABLES
from q4compile.lower.phases.operations import Combine, Lookup, Multiply, Operation, Rectify
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.computed import computed
from q4compile.lower.select.constants import Constant, constant_operand
from q4compile.lower.select.fixed import fixed_operand
from q4compile.lower.select.linear import fixed_for
from q4compile.lower.select.selection import Selection
from q4compile.lower.select.with_constant import limited, moved_by, scaled
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
    factor = constant_operand(selection, node)
    (left, x), *others = _operands(selection, node, factor)
    readings = list(selection.readers.of_numbers(node.outputs[0]))
    to_tables = bool(readings) and all(
        r.node is not None and r.node.op in TABLES and not r.node.domain for r in readings
    )
    wanted = TABLE_INPUT if to_tables else None
    if factor is not None:
        found = scaled(selection, node.outputs[0], left, factor, wanted)
    else:
        ((right, y),) = others
        found = multiplied(selection, node.outputs[0], (left, x), (right, y), wanted)
    selection.values[node.outputs[0]] = found


def multiplied(
    selection: Selection,
    name: str,
    left: tuple[Numbers, Fixed],
    right: tuple[Numbers, Fixed],
    wanted: Fixed | None = None,
) -> Numbers:
    """The product of two values."""
    (a, x), (b, y) = left, right
    bound, most = a.bound * b.bound, x.f + y.f
    kind = wanted or finest_for(bound, min(FINEST, most)) or fixed_for(bound, name)
    kind = Fixed(min(kind.f, most))
    return computed(selection, name, kind, bound, Multiply(most - kind.f), (a.view, b.view))


def add(selection: Selection, node: Node) -> None:
    """Add and Sub: ``sat16(RNE(x · 2^(fm − f1) ± y · 2^(fm − f2), fm − f))``."""
    name, constant = node.outputs[0], constant_operand(selection, node)
    if constant is not None:
        ((found, _),) = _operands(selection, node, constant)
        selection.values[name] = moved_by(selection, name, found, constant, node.op == "Sub")
        return
    (left, x), (right, y) = _operands(selection, node, None)
    bound = left.bound + right.bound
    kind = finest_for(bound, min(x.f, y.f, FINEST)) or fixed_for(bound, name)
    most = max(x.f, y.f)
    operation = Combine(WORDS[node.op], most - x.f, most - y.f, most - kind.f)
    keep_step(selection, node, kind, bound, operation, (left.view, right.view))


def extreme(selection: Selection, node: Node) -> None:
    """Max and Min of two values: ``sat16(RNE(max(x · 2^(fm − f1), y · 2^(fm − f2)), fm − f))``."""
    if len(node.inputs) != 2:
        raise Refused("Q321", "two operands", f"{len(node.inputs)}")
    name, constant = node.outputs[0], constant_operand(selection, node)
    if constant is not None:
        ((found, _),) = _operands(selection, node, constant)
        selection.values[name] = limited(selection, name, found, constant, WORDS[node.op])
        return
    left, right = _operands(selection, node, None)
    selection.values[name] = larger(selection, name, WORDS[node.op], left, right)


def larger(
    selection: Selection,
    name: str,
    word: type[Add] | type[Sub] | type[Max] | type[Min],
    left: tuple[Numbers, Fixed],
    right: tuple[Numbers, Fixed],
) -> Numbers:
    """The greater or the lesser of two values, in the coarser of their formats."""
    (a, x), (b, y) = left, right
    most, kind = max(x.f, y.f), Fixed(min(x.f, y.f))
    operation = Combine(word, most - x.f, most - y.f, most - kind.f)
    return computed(selection, name, kind, max(a.bound, b.bound), operation, (a.view, b.view))


def _operands(
    selection: Selection, node: Node, constant: Constant | None
) -> list[tuple[Numbers, Fixed]]:
    """Those that are no constant."""
    ports = [port for port in (0, 1) if constant is None or port != constant.port]
    return [fixed_operand(selection, node, port) for port in ports]


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
    name = node.outputs[0]
    selection.values[name] = computed(selection, name, kind, bound, operation, views)
