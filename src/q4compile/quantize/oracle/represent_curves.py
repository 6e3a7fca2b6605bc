"""Decisions on functions by tables, and on powers."""

from fractions import Fraction

import numpy as np

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.curve_tables import (
    erf_table,
    normal_table,
    ramp_table,
    root_table,
    tanh_normal_table,
)
from q4compile.quantize.oracle.decisions import Curve
from q4compile.quantize.oracle.draft import Draft
from q4compile.quantize.oracle.fixed_formats import GATE, MOST, finest
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.represent_constants import real_constant
from q4compile.quantize.oracle.rounding import Int64

GATES = ("Erf", "HardSigmoid")
GATED = ("Gelu", "HardSwish")
NEAR_BITS = 6
SWISH = Fraction(1, 6), Fraction(1, 2)


def represent_gate(draft: Draft, node: Node) -> None:
    """What the table gives."""
    source, _ = draft.fixed(node, 0)
    draft.curves[node.name] = Curve(source, (_gate(node),))
    draft.set(node.outputs[0], GATE, Fraction(1))


def represent_gated(draft: Draft, node: Node) -> None:
    """x times a gate of it."""
    source, bound = draft.fixed(node, 0)
    draft.curves[node.name] = Curve(source, (_gate(node),))
    draft.set(node.outputs[0], finest(bound, min(MOST, source.f + GATE.f)), bound)


def _gate(node: Node) -> Int64:
    if node.op == "Erf":
        return erf_table()
    if node.op == "HardSwish":
        return ramp_table(*SWISH)
    if node.op == "HardSigmoid":
        ends = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
        slope, offset = (Fraction(float(np.float32(each))) for each in ends)
        return ramp_table(slope, offset)
    way = str(node.attributes.get("approximate", "none"))
    if way not in ("none", "tanh"):
        raise Refusal("Q141", "approximate none or tanh", way)
    return normal_table() if way == "none" else tanh_normal_table()


def represent_power(draft: Draft, node: Node) -> None:
    """Products for 1, 2 and 3; √ for 1/2.

    Raises:
        Refusal: Q141 for other exponents.
    """
    given = real_constant(draft, node, 1)
    exponent = Fraction(float(given.reshape(-1)[0])) if given is not None and given.size == 1 else 0
    if exponent == Fraction(1, 2):
        represent_root(draft, node)
        return
    if exponent not in (1, 2, 3):
        raise Refusal("Q141", "a Pow by 1, 2, 3 or 0.5", f"{float(exponent):g}")
    source, bound = draft.fixed(node, 0)
    kind, reached, products = source, bound, []
    for _ in range(1, int(exponent)):
        reached = min(reached, kind.bound) * bound
        kind = finest(reached, min(MOST, kind.f + source.f))
        products.append(kind)
    draft.curves[node.name] = Curve(source, (), tuple(products))
    draft.set(node.outputs[0], kind, reached)


def represent_root(draft: Draft, node: Node) -> None:
    """Of the least power of two, from 2^−12 on, that is no smaller than √bound."""
    source, bound = draft.fixed(node, 0)
    reached = Fraction(1, 2**MOST)
    while reached * reached < bound:
        reached *= 2
    kind = finest(reached)
    tables = tuple(root_table(f, kind.f) for f in (source.f, source.f + NEAR_BITS))
    draft.curves[node.name] = Curve(source, tables)
    draft.set(node.outputs[0], kind, reached)
