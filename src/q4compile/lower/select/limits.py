"""Nodes made of sums, products and limits: Neg, Abs, Clip, LeakyRelu, PRelu, Div by a constant."""

from fractions import Fraction

import numpy as np

from q4compile.isa.instructions import Max, Min
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.kinds import F16, Fixed
from q4compile.lower.phases.operations import Combine
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.computed import computed
from q4compile.lower.select.constants import Constant, constant_operand, real_constant
from q4compile.lower.select.elementwise import larger
from q4compile.lower.select.fixed import fixed_operand
from q4compile.lower.select.selection import Selection
from q4compile.lower.select.with_constant import Word, limited, negated, scaled
from q4compile.quantize.network import Node

LEAST, MOST = 1, 2
"""Ports of Clip."""
DIV_FIX = "an export with opset 17 or later, if it is part of a layer norm"
LEAK = 0.01
"""What ONNX has where none is given."""


def negate(selection: Selection, node: Node) -> None:
    """``sat16(−x)``."""
    name = node.outputs[0]
    selection.values[name] = negated(selection, name, _operand(selection, node))


def absolute(selection: Selection, node: Node) -> None:
    """``max(x, sat16(−x))``."""
    name, found = node.outputs[0], _operand(selection, node)
    turned = negated(selection, f"{name} turned", found)
    selection.values[name] = _larger(selection, name, found, turned)


def clip(selection: Selection, node: Node) -> None:
    """``min(max(x, least), most)``."""
    name, found = node.outputs[0], _operand(selection, node)
    ends: list[tuple[Word, Constant]] = []
    words: tuple[tuple[Word, int, str], ...] = ((Max, LEAST, "min"), (Min, MOST, "max"))
    for word, port, attribute in words:
        given = port < len(node.inputs) and bool(node.inputs[port].value)
        constant = real_constant(selection, node, port)
        if given and (constant is None or constant.numbers.size != 1):
            raise Refused("Q322", "constant ends of a Clip", f"'{node.inputs[port].value}'")
        if attribute in node.attributes:
            constant = _number(attribute, node.attributes[attribute])
        if constant is not None:
            ends.append((word, Constant(constant.name, port, constant.numbers.reshape(()))))
    for n, (word, constant) in enumerate(ends):
        each = name if n + 1 == len(ends) else f"{name} from below"
        found = limited(selection, each, found, constant, word)
    selection.values[name] = found


def leak(selection: Selection, node: Node) -> None:
    """LeakyRelu and PRelu with slopes from 0 to 1: ``max(x, slope · x)``."""
    name, found = node.outputs[0], _operand(selection, node)
    slope = _number("alpha", node.attributes.get("alpha", LEAK))
    if node.op == "PRelu":
        slope = real_constant(selection, node, 1) or _refuse(node, "a constant slope", "none")
    least, most = slope.numbers.min(), slope.numbers.max()
    if not 0 <= least <= most <= 1:
        _refuse(node, "slopes from 0 to 1", f"{least:g} to {most:g}")
    leaked = scaled(selection, f"{name} leaked", found, slope)
    selection.values[name] = _larger(selection, name, found, leaked)


def divide(selection: Selection, node: Node) -> None:
    """``x · (1 / c)``."""
    divisor = constant_operand(selection, node)
    if divisor is None or divisor.port != 1:
        raise Refused("Q321", "a Div by a constant", "one by values", DIV_FIX)
    if not np.all(divisor.numbers):
        raise Refused("Q324", "divisors other than 0", f"'{divisor.name}'")
    name = node.outputs[0]
    found = _operand(selection, node)
    selection.values[name] = scaled(selection, name, found, divisor, by=reciprocal)


def reciprocal(c: Fraction) -> Fraction:
    """``1 / c``, exactly."""
    return 1 / c


def _operand(selection: Selection, node: Node) -> Numbers:
    """As fixed point; where the network is read in halves, these."""
    if not selection.is_float:
        return fixed_operand(selection, node, 0)[0]
    found = selection.numbers(node, 0)
    if found.kind != F16:
        raise Refused("Q322", "an operand in f16", f"'{node.inputs[0].value}', {found.kind}")
    return found


def _larger(selection: Selection, name: str, left: Numbers, right: Numbers) -> Numbers:
    if isinstance(left.kind, Fixed) and isinstance(right.kind, Fixed):
        return larger(selection, name, Max, (left, left.kind), (right, right.kind))
    views = (left.view, right.view)
    return computed(selection, name, F16, Fraction(0), Combine(Max, 0, 0, 0), views)


def _number(name: str, number: float) -> Constant:
    return Constant(name, 1, np.array(number, np.float32))


def _refuse(node: Node, need: str, got: str) -> Constant:
    raise Refused("Q321", f"a {node.op} with {need}", got)
