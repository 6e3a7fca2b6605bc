"""Decisions on what works element by element on fixed-point values."""

from fractions import Fraction

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.draft import Draft
from q4compile.quantize.oracle.fixed_formats import ACTIVATION, GATE, MOST, finest
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.represent_constants import constant_port, limit, operands

TABLES = frozenset({"Sigmoid", "Tanh"})


def represent_mul(draft: Draft, node: Node) -> None:
    """``fixed(f)`` of the product's bound; what only tables read is in their format, saturating."""
    (x, left), (y, right) = operands(draft, node)
    readings = list(draft.readers.of_numbers(node.outputs[0]))
    to_tables = readings and all(r.node is not None and _is_table(r.node) for r in readings)
    kind = ACTIVATION if to_tables else finest(left * right, min(MOST, x.f + y.f))
    draft.set(node.outputs[0], kind, left * right)


def represent_sum(draft: Draft, node: Node) -> None:
    """Add and Sub: ``fixed(f)`` of the bound, no finer than either operand."""
    (x, left), (y, right) = operands(draft, node)
    draft.set(node.outputs[0], finest(left + right, min(x.f, y.f, MOST)), left + right)


def represent_extreme(draft: Draft, node: Node) -> None:
    """Max and Min of two values, in the coarser format; a constant is in that of the other.

    Raises:
        Refusal: Q141 for more operands.
    """
    if len(node.inputs) != 2:
        raise Refusal("Q141", "two operands", f"{len(node.inputs)}")
    port = constant_port(draft, node)
    if port is not None:
        kind, bound = draft.fixed(node, 1 - port)
        draft.set(node.outputs[0], kind, max(bound, limit(draft, node, port, kind)))
        return
    (x, left), (y, right) = operands(draft, node)
    draft.set(node.outputs[0], min(x, y, key=lambda each: each.f), max(left, right))


def represent_turned(draft: Draft, node: Node) -> None:
    """Neg and Abs: the format of the operand."""
    draft.set(node.outputs[0], *draft.fixed(node, 0))


def represent_relu(draft: Draft, node: Node) -> None:
    """The format of its operand."""
    draft.set(node.outputs[0], *draft.fixed(node, 0))


def represent_table(draft: Draft, node: Node) -> None:
    """Tanh and Sigmoid: what the table gives."""
    draft.fixed(node, 0)
    draft.set(node.outputs[0], GATE, Fraction(1))


def _is_table(node: Node) -> bool:
    return node.op in TABLES and not node.domain
