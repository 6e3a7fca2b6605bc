"""An LSTM step by step, in integers.

z  = sat16(gx + acc_h · Mr)                             Q4.11
c' = sat16(RNE((f · c << (15 − fc)) + i · g, 30 − fc))  fixed(fc), gates in Q0.15
h  = clip(RNE(o · tanh(c') · mul, shift) + z_h, lo, hi)

Wide cells are finer (`evaluate_wide_lstm`); sequences are the same.
"""

from collections.abc import Sequence

import numpy as np

from q4compile.quantize.oracle.decisions import Direction, Lstm
from q4compile.quantize.oracle.evaluate_elementwise import sigmoid, tanh
from q4compile.quantize.oracle.evaluate_products import accumulated, on_grid
from q4compile.quantize.oracle.evaluate_wide_lstm import updated as wide_updated
from q4compile.quantize.oracle.fixed_formats import GATE
from q4compile.quantize.oracle.rounding import INT16, INT32, Int64, rne, sat16, saturated
from q4compile.quantize.oracle.tensor import Fixed, Wide

States = tuple[Int64, Int64]


def lstm(
    decided: Lstm, x: Int64, lengths: Int64 | None, h: Int64 | None, c: Int64 | None
) -> tuple[Int64, Int64, Int64]:
    """Y [T, D, B, H], Y_h and Y_c [D, B, H].

    Args:
        x: codes [T, B, K].
        lengths: [B] steps of each sequence; None for all T.
        h, c: codes [D, B, H] before the first step; None for zeros.
    """
    steps, batch, _ = x.shape
    units = decided.directions[0].recurrent.codes.shape[1]
    shape = (len(decided.directions), batch, units)
    h = np.full(shape, decided.hidden.zero_point, np.int64) if h is None else h
    c = np.zeros(shape, np.int64) if c is None else c
    ends = np.full(batch, steps, np.int64) if lengths is None else lengths
    found = [
        _direction(decided, each, x, ends, (h[d], c[d]))
        for d, each in enumerate(decided.directions)
    ]
    sequences, states = [each[0] for each in found], [each[1] for each in found]
    return (
        np.stack(sequences, 1),
        np.stack([s[0] for s in states]),
        np.stack([s[1] for s in states]),
    )


def _direction(
    decided: Lstm, direction: Direction, x: Int64, lengths: Int64, state: States
) -> tuple[Int64, States]:
    """h after every step [T, B, H], and the states that are left."""
    scaled = direction.inputs.multipliers.times(accumulated(direction.inputs, x))
    gx = saturated(scaled + direction.offsets, _ends(decided.cell))
    made = np.full((len(x), *state[0].shape), decided.hidden.zero_point, np.int64)
    order = range(len(x))
    for t in reversed(order) if direction.reverse else order:
        runs = (t < lengths)[:, None]
        h, c = step(decided, direction, gx[t], state)
        state = (np.where(runs, h, state[0]), np.where(runs, c, state[1]))
        made[t] = np.where(runs, h, decided.hidden.zero_point)
    return made, state


def step(decided: Lstm, direction: Direction, gx: Int64, state: States) -> States:
    """h' and c' [B, H] of one step."""
    h, c = state
    recurrent = direction.recurrent
    share = recurrent.multipliers.times(accumulated(recurrent, h))
    z = saturated(gx + share, _ends(decided.cell))
    if isinstance(decided.cell, Wide):
        return wide_updated(decided, z, c)
    return _updated(decided, decided.cell, z, c)


def _ends(cell: Fixed | Wide) -> tuple[int, int]:
    """Where sums saturate."""
    return INT32 if isinstance(cell, Wide) else INT16


def _updated(decided: Lstm, cell: Fixed, z: Int64, c: Int64) -> States:
    i, o, f, g = _gates(np.split(z, 4, axis=-1))
    c = sat16(rne((f * c << (GATE.f - cell.f)) + i * g, 2 * GATE.f - cell.f))
    return on_grid(decided.to_hidden.times(o * tanh(c, cell)), decided.hidden), c


def _gates(z: Sequence[Int64]) -> tuple[Int64, Int64, Int64, Int64]:
    """i, o, f and the candidate, in ONNX's order."""
    i, o, f = (sigmoid(each) for each in z[:3])
    return i, o, f, tanh(z[3])
