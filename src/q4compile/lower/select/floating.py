"""Nodes that work number by number, in halves: steps of whoever reads their results."""

from fractions import Fraction

import numpy as np

from q4compile.isa.instructions import Max, Min
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.kinds import F16
from q4compile.lower.phases.operations import Activate, Combine, Multiply, Operation, Rectify
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.computed import computed
from q4compile.lower.select.constants import Constant, constant_operand, one_number
from q4compile.lower.select.curves import POWERS, SWISH, slope_and_offset
from q4compile.lower.select.elementwise import WORDS, keep_step
from q4compile.lower.select.selection import Selection
from q4compile.lower.select.with_constant import limited, moved_by, scaled
from q4compile.quantize.network import Node

BOTH = 2


def combine(selection: Selection, node: Node) -> None:
    """Add, Sub, Max and Min: ``f16(x op y)``."""
    if len(node.inputs) != BOTH:
        raise Refused("Q321", "two operands", f"{len(node.inputs)}")
    name, constant = node.outputs[0], constant_operand(selection, node)
    if constant is None:
        _of_two(selection, node, Combine(WORDS[node.op], 0, 0, 0))
        return
    found = _half(selection, node, 1 - constant.port)
    if node.op in ("Add", "Sub"):
        made = moved_by(selection, name, found, constant, node.op == "Sub")
    else:
        made = limited(selection, name, found, constant, WORDS[node.op])
    selection.values[name] = made


def multiply(selection: Selection, node: Node) -> None:
    """``f16(x · y)``."""
    constant = constant_operand(selection, node)
    if constant is None:
        _of_two(selection, node, Multiply(0))
        return
    name, found = node.outputs[0], _half(selection, node, 1 - constant.port)
    selection.values[name] = scaled(selection, name, found, constant)


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
    left, right = (_half(selection, node, port) for port in range(BOTH))
    keep_step(selection, node, F16, Fraction(0), operation, (left.view, right.view))


def _half(selection: Selection, node: Node, port: int) -> Numbers:
    found = selection.numbers(node, port)
    if found.kind != F16:
        got = f"'{node.inputs[port].value}', {found.kind}"
        raise Refused("Q322", "an operand in f16", got)
    return found


def power(selection: Selection, node: Node) -> None:
    """Pow by 1, 2 or 3, as products."""
    exponent, name = one_number(selection, node, 1), node.outputs[0]
    if exponent not in POWERS:
        raise Refused("Q321", "a Pow by 1, 2 or 3", f"{float(exponent):g}")
    x = found = _half(selection, node, 0)
    for n in range(1, int(exponent)):
        each = name if n + 1 == exponent else f"{name} squared"
        views = (found.view, x.view)
        found = computed(selection, each, F16, Fraction(0), Multiply(0), views)
    selection.values[name] = found


def hard_sigmoid(selection: Selection, node: Node) -> None:
    """``min(max(f16(f16(x · α) + β), 0), 1)``."""
    found = _half(selection, node, 0)
    name, ends = node.outputs[0], slope_and_offset(node)
    selection.values[name] = _ramp(selection, name, found, *ends)


def hard_swish(selection: Selection, node: Node) -> None:
    """``f16(x · g)``, g the HardSigmoid of 1/6 and 1/2."""
    found, name = _half(selection, node, 0), node.outputs[0]
    gate = _ramp(selection, f"{name} gate", found, *SWISH)
    views = (found.view, gate.view)
    made = computed(selection, name, F16, Fraction(0), Multiply(0), views)
    selection.values[name] = made


def _ramp(
    selection: Selection, name: str, found: Numbers, slope: Fraction, offset: Fraction
) -> Numbers:
    numbers = {"slope": slope, "offset": offset, "none": 0, "one": 1}
    given = {key: Constant(key, 1, np.array(float(each))) for key, each in numbers.items()}
    made = scaled(selection, f"{name} scaled", found, given["slope"])
    made = moved_by(selection, f"{name} moved", made, given["offset"], is_difference=False)
    made = limited(selection, f"{name} from below", made, given["none"], Max)
    return limited(selection, name, made, given["one"], Min)
