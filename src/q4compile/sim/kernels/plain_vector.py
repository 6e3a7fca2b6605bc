"""What the functions in numpy have in common: multipliers, tables of int16, codes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.nibbles import pack_rows
from q4compile.numerics.rounding import Int64, rne_shift

Int16 = NDArray[np.int16]
Words = NDArray[np.uint32]
Matrix = NDArray[Any]
LEAST, MOST = -(2**15), 2**15 - 1
MUL_BITS, MAX_SHIFT = 24, 62
MUL_MASK = 2**MUL_BITS - 1


def sat16(x: Int64) -> Int64:
    """Clip to int16."""
    return np.clip(x, LEAST, MOST)


def first_no_multiplier(words: Words) -> int:
    """The index of the first that neither is 0, nor has mul in [2^23, 2^24), shift ≤ 62; or −1."""
    normal = (words >> (MUL_BITS - 1) & 1 == 1) & (words >> MUL_BITS <= MAX_SHIFT)
    wrong = np.flatnonzero(~(normal | (words == 0)))
    return int(wrong[0]) if wrong.size else -1


def scaled(x: Matrix, words: Words) -> Int64:
    """``RNE(x · mul, shift)``, a multiplier for each column or one for all."""
    mul = (words & MUL_MASK).astype(np.int64)
    return rne_shift(x.astype(np.int64) * mul, words >> MUL_BITS)


def interpolated(table: Int16, x: Int64) -> Int64:
    """``t + ((T[j + 1] − t) · (u & 63) + 32 >> 6)`` with u = x + 32768, j = u >> 6, t = T[j]."""
    wide = table.astype(np.int64)
    u = x - LEAST
    j = u >> 6
    return np.asarray(wide[j] + ((wide[j + 1] - wide[j]) * (u & 63) + 32 >> 6))


def store(codes: Int64, out: Matrix, bits: int) -> None:
    """Codes of 4, 8 or 16 bits into the rows of `out`."""
    if bits == 4:
        packed = pack_rows(codes.astype(np.int8))
        out[:, : packed.shape[1]] = packed
    else:
        out[:, : codes.shape[1]] = codes
