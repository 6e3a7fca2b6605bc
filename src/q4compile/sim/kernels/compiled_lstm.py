"""Compiled loops of one row of an LSTM step: first all pre-activations, then unit by unit."""

from typing import Any

import numba
import numpy as np

from q4compile.sim.kernels.compiled_vector import (
    COMPILED,
    INLINED,
    LEAST,
    MOST,
    clipped,
    interpolated,
    pack,
    rounded,
    scaled,
)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def row_of_bytes(
    sums: Any,
    inputs: Any,
    words: Any,
    cell: Any,
    out: Any,
    sigmoid: Any,
    tanh: Any,
    fraction_bits: Any,
    multiplier: Any,
    zero_point: Any,
    lo: Any,
    hi: Any,
) -> Any:
    """h as bytes; returns how many cell states were clipped."""
    z = _pre_activations(sums, inputs, words)
    return _units(z, cell, out, sigmoid, tanh, fraction_bits, multiplier, zero_point, lo, hi)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def row_of_nibbles(
    sums: Any,
    inputs: Any,
    words: Any,
    cell: Any,
    out: Any,
    sigmoid: Any,
    tanh: Any,
    fraction_bits: Any,
    multiplier: Any,
    zero_point: Any,
    lo: Any,
    hi: Any,
) -> Any:
    """h packed; the number of units is even."""
    z = _pre_activations(sums, inputs, words)
    codes = np.empty(len(cell), np.int8)
    clips = _units(z, cell, codes, sigmoid, tanh, fraction_bits, multiplier, zero_point, lo, hi)
    pack(codes, out)
    return clips


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _pre_activations(sums: Any, inputs: Any, words: Any) -> Any:
    """``sat16(inputs + RNE(sums · Mr))``: int16[4 · units]."""
    z = np.empty(len(words), np.int16)
    for n in range(len(words)):
        z[n] = clipped(np.int64(inputs[n]) + scaled(sums[n], words[n]), LEAST, MOST)
    return z


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _units(
    z: Any,
    cell: Any,
    codes: Any,
    sigmoid: Any,
    tanh: Any,
    fraction_bits: Any,
    multiplier: Any,
    zero_point: Any,
    lo: Any,
    hi: Any,
) -> Any:
    """c and the codes of h of all units."""
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
    return clips
