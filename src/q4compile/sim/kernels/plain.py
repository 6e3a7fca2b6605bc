"""The functions of `interface` in numpy: operands are read whole, results are written last."""

from typing import Any

import numpy as np

from q4compile.numerics.coded_stream import decode as decode
from q4compile.numerics.packed_products import packed_products
from q4compile.numerics.rounding import rne_shift
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
from q4compile.sim.kernels.plain_lstm import lstm_row as lstm_row
from q4compile.sim.kernels.plain_lstm import lstm_row_wide as lstm_row_wide
from q4compile.sim.kernels.plain_rows import dequantize as dequantize
from q4compile.sim.kernels.plain_rows import normalize as normalize
from q4compile.sim.kernels.plain_rows import reduce as reduce
from q4compile.sim.kernels.plain_rows import soften as soften
from q4compile.sim.kernels.plain_vector import (
    first_no_multiplier,
    interpolated,
    sat16,
    scaled,
    store,
)

INT32 = np.iinfo(np.int32)

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
    wrong = first_no_multiplier(multipliers)
    if wrong == GOOD:
        codes = np.clip(scaled(x[:, :columns], multipliers) + zero_point, lo, hi)
        store(codes, out, bits)
    return wrong


def requantize_wide(
    x: Matrix, multipliers: Words, offsets: Int32, out: Int32, *, columns: int
) -> int:
    """As `Kernels.requantize_wide`."""
    wrong = first_no_multiplier(multipliers)
    if wrong == GOOD:
        made = scaled(x[:, :columns], multipliers) + offsets
        out[:, :columns] = np.clip(made, INT32.min, INT32.max)
    return wrong


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
