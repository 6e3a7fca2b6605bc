"""The functions of `interface_lstm` by compiled loops: first all pre-activations, then units."""

from typing import Any

import numba
import numpy as np

from q4compile.sim.kernels.compiled_vector import (
    COMPILED,
    INLINED,
    LEAST,
    LEAST_WIDE,
    MOST,
    MOST_WIDE,
    clipped,
    first_no_multiplier,
    interpolated,
    put,
    rounded,
    scaled,
)
from q4compile.sim.kernels.interface_lstm import Codes, Int16, Int32, Words

ONE, MOST_U = 1 << 23, 1 << 25
"""As in `plain_lstm`."""


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
    wrong = int(first_no_multiplier(multipliers))
    if wrong >= 0:
        return -1 - wrong
    arrays = (sums, inputs, multipliers, cell, out, sigmoid, tanh)
    return int(_narrow(*arrays, bits == 4, fraction_bits, multiplier, zero_point, lo, hi))


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
    wrong = int(first_no_multiplier(multipliers))
    if wrong >= 0:
        return -1 - wrong
    arrays = (sums, inputs, multipliers, cell, out, tanh)
    return int(_wide(*arrays, bits == 4, multiplier, zero_point, lo, hi))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _narrow(
    sums: Any,
    inputs: Any,
    words: Any,
    cell: Any,
    out: Any,
    sigmoid: Any,
    tanh: Any,
    is_packed: Any,
    fraction_bits: Any,
    multiplier: Any,
    zero_point: Any,
    lo: Any,
    hi: Any,
) -> Any:
    z = _pre_activations(sums, inputs, words, LEAST, MOST)
    codes = np.empty(len(cell), np.int8)
    clips = 0
    for u in range(len(cell)):
        i = np.int64(interpolated(sigmoid, z[4 * u]))
        o = np.int64(interpolated(sigmoid, z[4 * u + 1]))
        f = np.int64(interpolated(sigmoid, z[4 * u + 2]))
        g = np.int64(interpolated(tanh, z[4 * u + 3]))
        kept = (f * np.int64(cell[u])) << (15 - fraction_bits)
        exact = rounded(kept + i * g, 30 - fraction_bits)
        state = clipped(exact, LEAST, MOST)
        clips += state != exact
        if fraction_bits <= 11:
            x = clipped(state << (11 - fraction_bits), LEAST, MOST)
        else:
            x = rounded(state, fraction_bits - 11)
        t = np.int64(interpolated(tanh, x))
        cell[u] = state
        codes[u] = clipped(scaled(o * t, np.uint32(multiplier)) + zero_point, lo, hi)
    put(codes, out, is_packed)
    return clips


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _wide(
    sums: Any,
    inputs: Any,
    words: Any,
    cell: Any,
    out: Any,
    tanh: Any,
    is_packed: Any,
    multiplier: Any,
    zero_point: Any,
    lo: Any,
    hi: Any,
) -> Any:
    z = _pre_activations(sums, inputs, words, LEAST_WIDE, MOST_WIDE)
    codes = np.empty(len(cell), np.int8)
    clips = 0
    for u in range(len(cell)):
        i = ONE + _curved(tanh, z[4 * u])
        o = ONE + _curved(tanh, z[4 * u + 1])
        f = ONE + _curved(tanh, z[4 * u + 2])
        g = _curved(tanh, 2 * np.int64(z[4 * u + 3]))
        exact = rounded(((f * np.int64(cell[u])) << 3) + i * g, 27)
        state = clipped(exact, LEAST_WIDE, MOST_WIDE)
        clips += state != exact
        t = _curved(tanh, 2 * state)
        cell[u] = state
        h = scaled(rounded(o * t, 17), np.uint32(multiplier))
        codes[u] = clipped(h + zero_point, lo, hi)
    put(codes, out, is_packed)
    return clips


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _pre_activations(sums: Any, inputs: Any, words: Any, least: Any, most: Any) -> Any:
    """``inputs + RNE(sums · Mr)``, saturated: [4 · units], of the type of the inputs."""
    z = np.empty(len(words), inputs.dtype)
    for n in range(len(words)):
        z[n] = clipped(np.int64(inputs[n]) + scaled(sums[n], words[n]), least, most)
    return z


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _curved(table: Any, u: Any) -> Any:
    """As `plain_lstm.curved`."""
    near = clipped(np.int64(u), -MOST_U, MOST_U)
    j = (near + MOST_U + 32768) >> 16
    d = near - ((j - 512) << 16)
    t = clipped(np.int64(table[j]), -ONE, ONE)
    p = rounded((ONE * ONE - t * t) * d, 34)
    q = rounded(t * d, 21)
    return clipped(t + rounded(p * (ONE - q), 33), -ONE, ONE)
