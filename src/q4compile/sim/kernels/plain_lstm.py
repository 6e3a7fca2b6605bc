"""The functions of `interface_lstm` in numpy."""

import numpy as np

from q4compile.numerics.rounding import Int64, rne_shift
from q4compile.sim.kernels.interface_lstm import Codes, Int16, Int32, Words
from q4compile.sim.kernels.plain_vector import (
    first_no_multiplier,
    interpolated,
    sat16,
    scaled,
    store,
)

GATES = 4
Z_FRACTION_BITS, GATE_FRACTION_BITS = 11, 15
ONE = 1 << 23
"""Of tanh and its table in a wide step."""
MOST_U = 1 << 25
"""tanh of u, 21 fraction bits, is flat outside of [−16, 16]."""


def lstm_row(
    sums: Int32,
    inputs: Int16,
    multipliers: Words,
    cell: Int16,
    out: Codes,
    sigmoid: Int16,
    tanh: Int16,
    *,
    bits: int,
    fraction_bits: int,
    multiplier: int,
    zero_point: int,
    lo: int,
    hi: int,
) -> int:
    """As `LstmKernels.lstm_row`."""
    wrong = first_no_multiplier(multipliers)
    if wrong >= 0:
        return -1 - wrong
    z = _gates(sums, inputs, multipliers)
    i, o, f = (interpolated(sigmoid, gate) for gate in z[:3])
    g = interpolated(tanh, z[3])
    aligned = (f * cell) << (GATE_FRACTION_BITS - fraction_bits)
    clips = _keep(rne_shift(aligned + i * g, 2 * GATE_FRACTION_BITS - fraction_bits), cell)
    t = interpolated(tanh, sat16(_at_z_fraction(cell.astype(np.int64), fraction_bits)))
    _put(o * t, out, bits, multiplier, zero_point, (lo, hi))
    return clips


def lstm_row_wide(
    sums: Int32,
    inputs: Int32,
    multipliers: Words,
    cell: Int32,
    out: Codes,
    tanh: Int32,
    *,
    bits: int,
    multiplier: int,
    zero_point: int,
    lo: int,
    hi: int,
) -> int:
    """As `LstmKernels.lstm_row_wide`."""
    wrong = first_no_multiplier(multipliers)
    if wrong >= 0:
        return -1 - wrong
    z = _gates(sums, inputs, multipliers)
    i, o, f = (ONE + curved(tanh, gate) for gate in z[:3])
    g = curved(tanh, 2 * z[3])
    clips = _keep(rne_shift((f * cell << 3) + i * g, 27), cell)
    t = curved(tanh, 2 * cell.astype(np.int64))
    _put(rne_shift(o * t, 17), out, bits, multiplier, zero_point, (lo, hi))
    return clips


def curved(table: Int32, u: Int64) -> Int64:
    """tanh of u, 21 fraction bits, with 23: ``t + p · (1 − q)``, p = (1 − t²) · d, q = t · d.

    t is the entry next to u, d is what is between them: tanh(x + d) up to its third derivative.
    """
    near = np.clip(u, -MOST_U, MOST_U)
    j = near + MOST_U + 2**15 >> 16
    d = near - (j - 512 << 16)
    t = np.clip(table[j].astype(np.int64), -ONE, ONE)
    p = rne_shift((ONE * ONE - t * t) * d, 34)
    q = rne_shift(t * d, 21)
    return np.asarray(np.clip(t + rne_shift(p * (ONE - q), 33), -ONE, ONE))


def _gates(sums: Int32, inputs: Int16 | Int32, multipliers: Words) -> Int64:
    """z[gate, unit], saturated to the type of the inputs."""
    ends = np.iinfo(inputs.dtype)
    z = np.clip(inputs + scaled(sums, multipliers), ends.min, ends.max)
    return np.asarray(z.reshape(-1, GATES).T)


def _keep(exact: Int64, cell: Int16 | Int32) -> int:
    """Cell states saturated to their type; returns how many were clipped."""
    ends = np.iinfo(cell.dtype)
    cell[:] = np.clip(exact, ends.min, ends.max)
    return int(np.count_nonzero(cell != exact))


def _at_z_fraction(state: Int64, fraction_bits: int) -> Int64:
    """A cell state with 11 fraction bits."""
    if fraction_bits <= Z_FRACTION_BITS:
        return np.asarray(state << (Z_FRACTION_BITS - fraction_bits))
    return rne_shift(state, fraction_bits - Z_FRACTION_BITS)


def _put(
    h: Int64, out: Codes, bits: int, multiplier: int, zero_point: int, ends: tuple[int, int]
) -> None:
    """``clip(RNE(h · mul, shift) + zero_point, lo, hi)``."""
    codes = np.clip(scaled(h, np.array([multiplier], np.uint32)) + zero_point, *ends)
    store(codes[None], out[None], bits)
