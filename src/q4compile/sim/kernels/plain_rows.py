"""The functions of `interface_rows` in numpy: operands are read whole, results are written last."""

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.nibbles import unpack_rows
from q4compile.numerics.rounding import rne_shift
from q4compile.sim.kernels.plain_vector import LEAST, interpolated, sat16

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
LN2 = 22713
"""Of 2, in Q0.15."""


def dequantize(
    x: NDArray[Any], out: Int16, *, columns: int, bits: int, zero_point: int, word: int
) -> None:
    """As `RowKernels.dequantize`."""
    codes = unpack_rows(x, columns) if bits == 4 else x[:, :columns]
    apart = codes.astype(np.int64) - zero_point
    out[:, :columns] = sat16(rne_shift(apart * (word & 0xFFFFFF), word >> 24))


def reduce(how: int, x: Int16, out: Int16, *, columns: int, word: int) -> None:
    """As `RowKernels.reduce`."""
    rows = x[:, :columns].astype(np.int64)
    if how == 0:
        made = rne_shift(rows.sum(axis=1) * (word & 0xFFFFFF), word >> 24)
    elif columns == 0:
        made = np.zeros(len(x), np.int64)
    else:
        made = rows.max(axis=1) if how == 1 else rows.min(axis=1)
    out[:, 0] = sat16(made)


def normalize(
    x: Int16,
    scales: Int16,
    biases: Int32,
    out: Int16,
    *,
    columns: int,
    epsilon: int,
    result_shift: int,
    bias_shift: int,
) -> None:
    """As `RowKernels.normalize`."""
    rows = x[:, :columns].astype(np.int64)
    total = rows.sum(axis=1)
    spread = columns * (rows**2).sum(axis=1) - total**2 + epsilon
    apart = columns * rows - total[:, None]
    ways = [_inverse_root(int(each)) for each in spread]
    factors, shifts = (np.array(each, np.int64)[:, None] for each in zip(*ways, strict=True))
    normal = rne_shift(apart * factors, shifts)
    exact = normal * scales[:columns] + (biases[:columns].astype(np.int64) << bias_shift)
    out[:, :columns] = sat16(rne_shift(exact, result_shift))


def _inverse_root(number: int) -> tuple[int, int]:
    """``(I, 38 − j)``: 1 / √number with 16 fraction bits is I / 2^(38 − j)."""
    if number == 0:
        return 0, 0
    j = (62 - number.bit_length()) // 2
    return 2**54 // isqrt(number << 2 * j), 38 - j


def soften(
    x: Int16,
    powers: Int16,
    logarithms: Int16 | None,
    out: Int16,
    *,
    columns: int,
    left_shift: int,
    result_shift: int,
    out_shift: int,
) -> None:
    """As `RowKernels.soften`."""
    rows = x[:, :columns].astype(np.int64)
    below = rows.max(axis=1, keepdims=True) - rows
    shifted = rne_shift(-below << left_shift, result_shift)
    e = np.maximum(interpolated(powers, sat16(shifted)), 0)
    total = np.maximum(e.sum(axis=1, keepdims=True), 1)
    p = np.floor(np.log2(total.astype(np.float64))).astype(np.int64)
    if logarithms is None:
        j = 30 - p
        made = rne_shift(e * (2**54 // (total << j)), 39 - j)
    else:
        entry = (total << 16 >> p) - 65536 + LEAST
        whole = (p - 15) * LN2 + interpolated(logarithms, entry)
        made = -rne_shift((below << 4 + left_shift - result_shift) + whole, out_shift)
    out[:, :columns] = sat16(made)
