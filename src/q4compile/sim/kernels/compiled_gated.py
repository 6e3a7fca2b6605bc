"""The functions of `interface_gated` by compiled loops."""

from typing import Any

import numba
import numpy as np

from q4compile.sim.kernels.compiled_vector import (
    COMPILED,
    LEAST,
    MOST,
    MUL_BITS,
    MUL_MASK,
    clipped,
    first_no_multiplier,
    interpolated,
    put,
    rounded,
    scaled,
)
from q4compile.sim.kernels.interface_gated import Codes, Int16, Int32, Words


def gru_row(
    sums: Int32,
    inputs: Int16,
    multipliers: Words,
    before: Codes,
    out: Codes,
    sigmoid: Int16,
    tanh: Int16,
    *,
    bits: int,
    multiplier: int,
    zero_point: int,
    lo: int,
    hi: int,
) -> int:
    """As `GatedKernels.gru_row`."""
    wrong = int(first_no_multiplier(multipliers))
    if wrong < 0:
        arrays = (sums, inputs, multipliers, before, out, sigmoid, tanh)
        _gru(*arrays, bits == 4, multiplier, zero_point, lo, hi)
    return wrong


def rnn_row(
    sums: Int32,
    inputs: Int16,
    multipliers: Words,
    out: Codes,
    tanh: Int16 | None,
    *,
    bits: int,
    multiplier: int,
    zero_point: int,
    lo: int,
    hi: int,
) -> int:
    """As `GatedKernels.rnn_row`."""
    wrong = int(first_no_multiplier(multipliers))
    if wrong < 0:
        table = inputs if tanh is None else tanh
        arrays = (sums, inputs, multipliers, out, table)
        _rnn(*arrays, tanh is None, bits == 4, multiplier, zero_point, lo, hi)
    return wrong


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _gru(
    sums: Any,
    inputs: Any,
    words: Any,
    before: Any,
    out: Any,
    sigmoid: Any,
    tanh: Any,
    is_narrow: Any,
    multiplier: Any,
    zero_point: Any,
    lo: Any,
    hi: Any,
) -> None:
    units = len(words) // 3
    codes = np.empty(units, np.int8)
    mul, shift = np.int64(multiplier & MUL_MASK), np.int64(multiplier >> MUL_BITS)
    for u in range(units):
        n = 3 * u
        z, r = np.int64(inputs[n]), np.int64(inputs[n + 1])
        z = clipped(z + scaled(sums[n], words[n]), LEAST, MOST)
        r = clipped(r + scaled(sums[n + 1], words[n + 1]), LEAST, MOST)
        z, r = np.int64(interpolated(sigmoid, z)), np.int64(interpolated(sigmoid, r))
        m = clipped(scaled(sums[n + 2], words[n + 2]), LEAST, MOST)
        a = clipped(np.int64(inputs[n + 2]) + rounded(r * m, 15), LEAST, MOST)
        g = np.int64(interpolated(tanh, a))
        if is_narrow:
            code = (((np.int64(before[u >> 1]) >> 4 * (u & 1)) & 15) ^ 8) - 8
        else:
            code = np.int64(before[u])
        kept = (z * (code - zero_point)) << (shift - 15)
        h = rounded((32768 - z) * g * mul + kept, shift)
        codes[u] = clipped(h + zero_point, lo, hi)
    put(codes, out, is_narrow)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _rnn(
    sums: Any,
    inputs: Any,
    words: Any,
    out: Any,
    tanh: Any,
    is_relu: Any,
    is_narrow: Any,
    multiplier: Any,
    zero_point: Any,
    lo: Any,
    hi: Any,
) -> None:
    codes = np.empty(len(words), np.int8)
    for u in range(len(words)):
        z = clipped(np.int64(inputs[u]) + scaled(sums[u], words[u]), LEAST, MOST)
        t = max(z, 0) if is_relu else np.int64(interpolated(tanh, z))
        codes[u] = clipped(scaled(t, np.uint32(multiplier)) + zero_point, lo, hi)
    put(codes, out, is_narrow)
