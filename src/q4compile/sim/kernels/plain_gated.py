"""The functions of `interface_gated` in numpy."""

import numpy as np

from q4compile.numerics.nibbles import unpack_rows
from q4compile.numerics.rounding import rne_shift
from q4compile.sim.kernels.interface_gated import Codes, Int16, Int32, Words
from q4compile.sim.kernels.plain_vector import (
    MUL_BITS,
    MUL_MASK,
    first_no_multiplier,
    interpolated,
    sat16,
    scaled,
    store,
)

GRU_GATES = 3
ONE = 1 << 15


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
    wrong = first_no_multiplier(multipliers)
    if wrong >= 0:
        return wrong
    shares, given = (each.reshape(-1, GRU_GATES).T for each in (scaled(sums, multipliers), inputs))
    z, r = (interpolated(sigmoid, sat16(given[gate] + shares[gate])) for gate in range(2))
    g = interpolated(tanh, sat16(given[2] + rne_shift(r * sat16(shares[2]), 15)))
    codes = unpack_rows(before[None], len(z))[0] if bits == 4 else before[: len(z)]
    mul, shift = multiplier & MUL_MASK, multiplier >> MUL_BITS
    kept = z * (codes.astype(np.int64) - zero_point) << shift - 15
    h = rne_shift((ONE - z) * g * mul + kept, shift)
    store(np.clip(h + zero_point, lo, hi)[None], out[None], bits)
    return -1


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
    wrong = first_no_multiplier(multipliers)
    if wrong >= 0:
        return wrong
    z = sat16(inputs + scaled(sums, multipliers))
    t = np.maximum(z, 0) if tanh is None else interpolated(tanh, z)
    h = rne_shift(t * (multiplier & MUL_MASK), multiplier >> MUL_BITS)
    store(np.clip(h + zero_point, lo, hi)[None], out[None], bits)
    return -1
