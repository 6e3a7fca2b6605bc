"""``RNE(p, s)`` = p / 2^s to the nearest integer, ties to even; saturation. int64, exact.

Written from docs/program-format.md alone: no line is shared with what the oracle is compared with.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

INT16 = (-(2**15), 2**15 - 1)
INT32 = (-(2**31), 2**31 - 1)


def rne(p: ArrayLike, s: ArrayLike) -> Int64:
    """p / 2^s rounded half to even.

    Args:
        p: integers, |p| ≤ 2^62, so that adding a half cannot overflow.
        s: shifts in [0, 62] [bits], broadcastable to `p`.
    """
    value, shift = np.asarray(p, np.int64), np.asarray(s, np.int64)
    odd = (value >> shift) & 1
    # A half less one, plus one where the floor is odd: a tie goes up from odd floors only.
    half = np.where(shift > 0, (np.int64(1) << np.maximum(shift - 1, 0)) - 1 + odd, 0)
    return np.asarray((value + half) >> shift)


def saturated(x: ArrayLike, ends: tuple[int, int]) -> Int64:
    """`x` clipped to both ends, included."""
    return np.clip(np.asarray(x, np.int64), *ends)


def sat16(x: ArrayLike) -> Int64:
    """`x` clipped to [−32768, 32767]."""
    return saturated(x, INT16)


def exact_product(x: Int64, w: Int64) -> Int64:
    """``Σ_k x[..., k] · w[n, k]``, every bit.

    In float64: its sums are integers of at most 53 bits, exact in whatever order they are taken.
    """
    depth = max(x.shape[-1], 1)
    largest = depth * int(np.abs(x).max(initial=0)) * int(np.abs(w).max(initial=0))
    if largest >= 2**53:
        raise ValueError(f"a sum of products may reach {largest}: not exact in float64")
    return np.asarray(x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int64)
