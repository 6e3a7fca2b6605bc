"""Functions by tables, and powers."""

import numpy as np

from q4compile.quantize.oracle.decisions import Curve
from q4compile.quantize.oracle.evaluate_elementwise import for_table, multiplied
from q4compile.quantize.oracle.fixed_formats import GATE
from q4compile.quantize.oracle.rounding import Int64, sat16
from q4compile.quantize.oracle.tables import interpolated
from q4compile.quantize.oracle.tensor import Fixed

GATED = frozenset({"Gelu", "HardSwish"})
NEAR_BITS = 6


def curved(op: str, decided: Curve, x: Int64, result: Fixed) -> Int64:
    """A gate, x times a gate, a root or a power."""
    source = decided.source
    if len(decided.tables) == 2:
        wide, near = decided.tables
        small = interpolated(near, sat16(x << NEAR_BITS))
        return np.maximum(interpolated(wide, x), small)
    if not decided.tables:
        return _power(decided, x)
    gate = interpolated(decided.tables[0], for_table(x, source))
    return multiplied(x, gate, (source, GATE), result) if op in GATED else gate


def _power(decided: Curve, x: Int64) -> Int64:
    """x, x², or x² times x."""
    made, kind = x, decided.source
    for each in decided.products:
        made, kind = multiplied(made, x, (kind, decided.source), each), each
    return made
