"""The step of a wide cell, in integers: gate sums and c of 20 fraction bits, tanh of 23.

tanh(u) = t + (1 − t²) · d · (1 − t · d),  t = tanh(u − d) from a table, |d| ≤ 1/64
σ(z)    = (1 + tanh(z / 2)) / 2
c'      = sat32(f · c + i · g)
h       = clip(o · tanh(c') / s_h + z_h, lo, hi)
"""

import numpy as np

from q4compile.quantize.oracle.decisions import Lstm
from q4compile.quantize.oracle.evaluate_products import on_grid
from q4compile.quantize.oracle.rounding import INT32, Int64, rne, saturated
from q4compile.quantize.oracle.tables import MIDDLE, WIDE_ONE, wide_tanh_table

ARGUMENT_BITS, STEP_BITS = 21, 16
"""Fraction bits of arguments; the table has an entry at every 2^16-th."""
LARGEST_ARGUMENT = MIDDLE << STEP_BITS


def updated(decided: Lstm, z: Int64, c: Int64) -> tuple[Int64, Int64]:
    """The codes of h' and c' [B, H] from gate sums [B, 4H] in ONNX's order, and c [B, H]."""
    zi, zo, zf, zg = np.split(z, 4, axis=-1)
    i, o, f = (WIDE_ONE + tanh(each) for each in (zi, zo, zf))
    c = saturated(rne((f * c << 3) + i * tanh(2 * zg), 27), INT32)
    product = rne(o * tanh(2 * c), 17)
    return on_grid(decided.to_hidden.times(product), decided.hidden), c


def tanh(u: Int64) -> Int64:
    """tanh with 23 fraction bits of arguments with 21; beyond ±16 that of ±16."""
    u = np.clip(u, -LARGEST_ARGUMENT, LARGEST_ARGUMENT)
    nearest = (u + (1 << (STEP_BITS - 1))) >> STEP_BITS
    t, d = wide_tanh_table()[nearest + MIDDLE], u - (nearest << STEP_BITS)
    slope = rne((WIDE_ONE**2 - t * t) * d, 34)
    bend = WIDE_ONE - rne(t * d, ARGUMENT_BITS)
    return saturated(t + rne(slope * bend, 33), (-WIDE_ONE, WIDE_ONE))
