"""A GRU or an RNN step by step, in integers.

RNN  h = clip(RNE(φ(sat16(gx + acc · Mr)) · mul, shift) + z_h, lo, hi)
GRU  z, r = σ(sat16(gx + acc · Mr)),  g = tanh(sat16(gx + RNE(r · sat16(acc · Mr), 15)))
     h = clip(RNE((1 − z) · g / s_h + z · (q − z_h)) + z_h, lo, hi), 1 / s_h by its multiplier
"""

import numpy as np

from q4compile.quantize.oracle.decisions import Direction, Gated
from q4compile.quantize.oracle.evaluate_elementwise import sigmoid, tanh
from q4compile.quantize.oracle.evaluate_products import accumulated, on_grid
from q4compile.quantize.oracle.fixed_formats import GATE
from q4compile.quantize.oracle.rounding import Int64, rne, sat16


def gated(decided: Gated, x: Int64, lengths: Int64 | None, h: Int64 | None) -> tuple[Int64, Int64]:
    """Y [T, D, B, H] and Y_h [D, B, H] of codes [T, B, K]; arguments as those of `lstm`."""
    steps, batch, _ = x.shape
    units = decided.directions[0].recurrent.codes.shape[1]
    zero = decided.hidden.zero_point
    if h is None:
        h = np.full((len(decided.directions), batch, units), zero, np.int64)
    ends = np.full(batch, steps, np.int64) if lengths is None else lengths
    made = np.full((steps, len(decided.directions), batch, units), zero, np.int64)
    last = []
    for d, direction in enumerate(decided.directions):
        gx = sat16(direction.inputs.multipliers.times(accumulated(direction.inputs, x)))
        state = h[d]
        for t in reversed(range(steps)) if direction.reverse else range(steps):
            runs = (t < ends)[:, None]
            after = step(decided, direction, gx[t], state)
            state = np.where(runs, after, state)
            made[t, d] = np.where(runs, after, zero)
        last.append(state)
    return made, np.stack(last)


def step(decided: Gated, direction: Direction, gx: Int64, h: Int64) -> Int64:
    """The codes of h' [B, H]."""
    recurrent = direction.recurrent
    share = recurrent.multipliers.times(accumulated(recurrent, h))
    if decided.op == "RNN":
        z = sat16(gx + share)
        t = np.maximum(z, 0) if decided.relu else tanh(z)
        return on_grid(decided.to_hidden.times(t), decided.hidden)
    units = h.shape[-1]
    z, r = np.split(sigmoid(sat16(gx[:, : 2 * units] + share[:, : 2 * units])), 2, axis=-1)
    candidate = sat16(share[:, 2 * units :])
    g = tanh(sat16(gx[:, 2 * units :] + rne(r * candidate, GATE.f)))
    return on_grid(_mixed(decided, z, g, h), decided.hidden)


def _mixed(decided: Gated, z: Int64, g: Int64, h: Int64) -> Int64:
    """``RNE(((2^15 − z) · g · mul + (z · (q − z_h) << shift − 15), shift)``: rounded once."""
    mul, shift = int(decided.to_hidden.mul[0]), int(decided.to_hidden.shift[0])
    kept = z * (h - decided.hidden.zero_point) << shift - GATE.f
    return rne(((1 << GATE.f) - z) * g * mul + kept, shift)
