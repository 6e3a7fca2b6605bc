"""Functions by tables, and products with them: Erf, Gelu, HardSigmoid, HardSwish, Sqrt, Pow."""

from fractions import Fraction

import numpy as np

from q4compile.isa.instructions import Max
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.curves import (
    GATES,
    NEAR_BITS,
    Table,
    gate_table,
    ramp_table,
    root_tables,
)
from q4compile.lower.numbers.kinds import FINEST, TABLE_INPUT, TABLE_OUTPUT, Fixed, finest_for
from q4compile.lower.phases.operations import Curve
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.computed import computed
from q4compile.lower.select.constants import one_number
from q4compile.lower.select.elementwise import MAX_SHIFT, larger, multiplied
from q4compile.lower.select.fixed import fixed_operand
from q4compile.lower.select.linear import fixed_for
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node

SWISH = Fraction(1, 6), Fraction(1, 2)
"""What HardSwish takes for the slope and the offset of HardSigmoid."""
POWERS = (1, 2, 3)


def error_function(selection: Selection, node: Node) -> None:
    """Erf, as σ is read."""
    found, kind = fixed_operand(selection, node, 0)
    table = gate_table(GATES["Erf"])
    selection.values[node.outputs[0]] = _gate(selection, node.outputs[0], found, kind, table)


def gelu(selection: Selection, node: Node) -> None:
    """``x · Φ(x)``."""
    way = str(node.attributes.get("approximate", "none"))
    name = {"none": "Gelu", "tanh": "Gelu by tanh"}.get(way)
    if name is None:
        raise Refused("Q321", "a Gelu with approximate none or tanh", way)
    _gated(selection, node, gate_table(GATES[name]))


def hard_swish(selection: Selection, node: Node) -> None:
    """``x · min(max(x / 6 + 1 / 2, 0), 1)``."""
    _gated(selection, node, ramp_table(*SWISH))


def hard_sigmoid(selection: Selection, node: Node) -> None:
    """``min(max(α · x + β, 0), 1)``."""
    found, kind = fixed_operand(selection, node, 0)
    table = ramp_table(*slope_and_offset(node))
    selection.values[node.outputs[0]] = _gate(selection, node.outputs[0], found, kind, table)


def slope_and_offset(node: Node) -> tuple[Fraction, Fraction]:
    """Of a HardSigmoid, the float32 of the file."""
    slope = Fraction(float(np.float32(node.attributes.get("alpha", 0.2))))
    return slope, Fraction(float(np.float32(node.attributes.get("beta", 0.5))))


def power(selection: Selection, node: Node) -> None:
    """Pow by 1, 2 or 3, as products; by 1/2, as Sqrt."""
    exponent = one_number(selection, node, 1)
    if exponent == Fraction(1, 2):
        root(selection, node)
        return
    if exponent not in POWERS:
        raise Refused("Q321", "a Pow by 1, 2, 3 or 0.5", f"{float(exponent):g}")
    name, x = node.outputs[0], fixed_operand(selection, node, 0)
    found, kind = x
    for n in range(1, int(exponent)):
        is_last = n + 1 == exponent
        found = multiplied(selection, name if is_last else f"{name} squared", (found, kind), x)
        assert isinstance(found.kind, Fixed), "products of fixed-point values are such"
        kind = found.kind
    selection.values[name] = found


def root(selection: Selection, node: Node) -> None:
    """``max(T(x), T'(sat16(x << 6)))``: chords of √ lie below it, those of small numbers nearer."""
    found, kind = fixed_operand(selection, node, 0)
    name = node.outputs[0]
    bound = _root_bound(found.bound)
    result = finest_for(bound, FINEST) or fixed_for(bound, name)
    wide, near = root_tables(kind, result)
    parts = [
        computed(selection, f"{name} {of}", result, bound, Curve(table, up, 0), (found.view,))
        for of, table, up in (("of all", wide, 0), ("of small ones", near, NEAR_BITS))
    ]
    first, second = ((each, result) for each in parts)
    selection.values[name] = larger(selection, name, Max, first, second)


def _root_bound(bound: Fraction) -> Fraction:
    """The least power of two that is no smaller than √bound."""
    power = 0
    while Fraction(4) ** power < bound:
        power += 1
    while Fraction(4) ** (power - 1) >= bound and power > -FINEST:
        power -= 1
    return Fraction(2) ** power


def _gate(selection: Selection, name: str, found: Numbers, kind: Fixed, table: Table) -> Numbers:
    left = min(max(TABLE_INPUT.f - kind.f, 0), MAX_SHIFT)
    operation = Curve(table, left, max(kind.f - TABLE_INPUT.f, 0))
    return computed(selection, name, TABLE_OUTPUT, Fraction(1), operation, (found.view,))


def _gated(selection: Selection, node: Node, table: Table) -> None:
    """x times a gate of it."""
    name, x = node.outputs[0], fixed_operand(selection, node, 0)
    gate = _gate(selection, f"{name} gate", *x, table)
    selection.values[name] = multiplied(selection, name, x, (gate, TABLE_OUTPUT))
