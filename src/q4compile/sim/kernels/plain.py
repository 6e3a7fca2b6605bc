"""The functions of `interface` in numpy: operands are read whole, results are written last."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.coded_stream import decode as decode
from q4compile.numerics.nibbles import pack_rows
from q4compile.numerics.packed_products import packed_products
from q4compile.numerics.rounding import Int64, rne_shift
from q4compile.sim.kernels import plain_halves
from q4compile.sim.kernels.halves import HalfKernels
from q4compile.sim.kernels.interface import (
    GOOD,
    Bytes,
    Combination,
    Int16,
    Int32,
    Matrix,
    Words,
)
from q4compile.sim.kernels.plain_gated import gru_row as gru_row
from q4compile.sim.kernels.plain_gated import rnn_row as rnn_row
from q4compile.sim.kernels.plain_rows import dequantize as dequantize
from q4compile.sim.kernels.plain_rows import normalize as normalize
from q4compile.sim.kernels.plain_rows import reduce as reduce
from q4compile.sim.kernels.plain_rows import soften as soften

INT16, INT32 = np.iinfo(np.int16), np.iinfo(np.int32)
MUL_BITS, MAX_SHIFT = 24, 62
GATES = 4
Z_FRACTION_BITS, GATE_FRACTION_BITS = 11, 15

halves: HalfKernels = plain_halves

COMBINED: dict[Combination, Any] = {
    Combination.ADD: np.add,
    Combination.SUB: np.subtract,
    Combination.MAX: np.maximum,
    Combination.MIN: np.minimum,
}


def accumulate(
    x: Bytes,
    w: Bytes,
    initial: Int32 | None,
    out: Int32,
    *,
    depth: int,
    x_bits: int,
    w_bits: int,
) -> int:
    """As `Kernels.accumulate`."""
    total = packed_products(x, w, depth, x_bits, w_bits).astype(np.int64)
    if initial is not None:
        total += initial[:, : len(w)]
    wrong = np.flatnonzero((total < INT32.min) | (total > INT32.max))
    if wrong.size:
        return int(wrong[0])
    out[:, : len(w)] = total
    return GOOD


def requantize(
    x: Matrix,
    multipliers: Words,
    out: Matrix,
    *,
    columns: int,
    bits: int,
    zero_point: int,
    lo: int,
    hi: int,
) -> int:
    """As `Kernels.requantize`."""
    wrong = np.flatnonzero(~is_multiplier(multipliers))
    if wrong.size:
        return int(wrong[0])
    codes = np.clip(scaled(x[:, :columns], multipliers) + zero_point, lo, hi)
    store(codes, out, bits)
    return GOOD


def look_up(
    x: Int16, table: Int16, out: Int16, *, columns: int, left_shift: int, result_shift: int
) -> None:
    """As `Kernels.look_up`."""
    shifted = rne_shift(x[:, :columns].astype(np.int64) << left_shift, result_shift)
    out[:, :columns] = interpolated(table, sat16(shifted))


def combine(
    how: Combination,
    x: Int16,
    y: Int16,
    out: Int16,
    *,
    columns: int,
    left_shift: int,
    right_shift: int,
    result_shift: int,
) -> None:
    """As `Kernels.combine`."""
    left = x[:, :columns].astype(np.int64) << left_shift
    right = y[:, :columns].astype(np.int64) << right_shift
    out[:, :columns] = sat16(rne_shift(COMBINED[how](left, right), result_shift))


def multiply(x: Int16, y: Int16, out: Int16, *, columns: int, result_shift: int) -> None:
    """As `Kernels.multiply`."""
    product = x[:, :columns].astype(np.int64) * y[:, :columns]
    out[:, :columns] = sat16(rne_shift(product, result_shift))


def lstm_row(
    sums: Int32,
    inputs: Int16,
    multipliers: Words,
    cell: Int16,
    out: Matrix,
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
    """As `Kernels.lstm_row`."""
    wrong = np.flatnonzero(~is_multiplier(multipliers))
    if wrong.size:
        return -1 - int(wrong[0])
    z = sat16(inputs + scaled(sums, multipliers)).reshape(-1, GATES).T
    i, o, f = (interpolated(sigmoid, gate) for gate in z[:3])
    g = interpolated(tanh, z[3])
    aligned = (f * cell) << (GATE_FRACTION_BITS - fraction_bits)
    exact = rne_shift(aligned + i * g, 2 * GATE_FRACTION_BITS - fraction_bits)
    state = sat16(exact)
    t = interpolated(tanh, sat16(at_z_fraction(state, fraction_bits)))
    h = scaled(o * t, np.array([multiplier], np.uint32))
    codes = np.clip(h + zero_point, lo, hi)
    cell[:] = state
    store(codes[None], out[None], bits)
    return int(np.count_nonzero(state != exact))


def sat16(x: Int64) -> Int64:
    """Clip to int16."""
    return np.clip(x, INT16.min, INT16.max)


def is_multiplier(words: Words) -> NDArray[np.bool_]:
    """True where a word is 0, or has its mul in [2^23, 2^24) and its shift up to 62."""
    normal = (words >> (MUL_BITS - 1) & 1 == 1) & (words >> MUL_BITS <= MAX_SHIFT)
    return np.asarray(normal | (words == 0))


def scaled(x: Matrix, words: Words) -> Int64:
    """``RNE(x · mul, shift)``, a multiplier for each column or one for all."""
    mul = (words & (2**MUL_BITS - 1)).astype(np.int64)
    return rne_shift(x.astype(np.int64) * mul, words >> MUL_BITS)


def interpolated(table: Int16, x: Int64) -> Int64:
    """``t + ((T[j + 1] − t) · (u & 63) + 32 >> 6)`` with u = x + 32768, j = u >> 6, t = T[j]."""
    wide = table.astype(np.int64)
    u = x - INT16.min
    j = u >> 6
    return np.asarray(wide[j] + ((wide[j + 1] - wide[j]) * (u & 63) + 32 >> 6))


def at_z_fraction(state: Int64, fraction_bits: int) -> Int64:
    """A cell state with 11 fraction bits."""
    if fraction_bits <= Z_FRACTION_BITS:
        return np.asarray(state << (Z_FRACTION_BITS - fraction_bits))
    return rne_shift(state, fraction_bits - Z_FRACTION_BITS)


def store(codes: Int64, out: Matrix, bits: int) -> None:
    """Codes of 4, 8 or 16 bits into the rows of `out`."""
    if bits == 4:
        packed = pack_rows(codes.astype(np.int8))
        out[:, : packed.shape[1]] = packed
    else:
        out[:, : codes.shape[1]] = codes
