"""Nodes that work number by number, in halves: steps of whoever reads their results."""

from fractions import Fraction

from q4compile.lower.findings import Refused
from q4compile.lower.numbers.kinds import F16
from q4compile.lower.phases.operations import Activate, Combine, Multiply, Operation, Rectify
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.elementwise import WORDS, keep_step
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node

BOTH = 2


def combine(selection: Selection, node: Node) -> None:
    """Add, Sub, Max and Min: ``f16(x op y)``."""
    _of_two(selection, node, Combine(WORDS[node.op], 0, 0, 0))


def multiply(selection: Selection, node: Node) -> None:
    """``f16(x · y)``."""
    _of_two(selection, node, Multiply(0))


def rectify(selection: Selection, node: Node) -> None:
    """``max(x, 0)``."""
    _of_one(selection, node, Rectify())


def activate(selection: Selection, node: Node) -> None:
    """Tanh and Sigmoid: ``f16(φ(x))``."""
    _of_one(selection, node, Activate(node.op))


def _of_one(selection: Selection, node: Node, operation: Operation) -> None:
    found = _half(selection, node, 0)
    keep_step(selection, node, F16, Fraction(0), operation, (found.view,))


def _of_two(selection: Selection, node: Node, operation: Operation) -> None:
    if len(node.inputs) != BOTH:
        raise Refused("Q321", "two operands", f"{len(node.inputs)}")
    left, right = (_half(selection, node, port) for port in range(BOTH))
    keep_step(selection, node, F16, Fraction(0), operation, (left.view, right.view))


def _half(selection: Selection, node: Node, port: int) -> Numbers:
    found = selection.numbers(node, port)
    if found.kind != F16:
        got = f"'{node.inputs[port].value}', {found.kind}"
        raise Refused("Q322", "an operand in f16", got)
    return found
