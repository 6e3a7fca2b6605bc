"""``Σ_k x[m, k] · w[n, k]`` of matrices as they lie in memory: rows of bytes, codes of 4 or 8 bits.

The plain reference, by float32 BLAS; `compiled_products` has the same numbers sooner.
"""

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.matmul import EXACT, exact_matmul
from q4compile.numerics.nibbles import Bytes, Codes8, unpack_rows

Int32 = NDArray[np.int32]
MAX_DEPTH = 2**16 - 1
"""Of the instruction set. No sum of products of 8-bit codes exceeds int32 at this depth."""


def codes_of(rows: Bytes, depth: int, bits: int) -> Codes8:
    """``int8[R, depth]``: the codes of packed rows."""
    return unpack_rows(rows, depth) if bits == 4 else rows[:, :depth].view(np.int8)


def packed_products(x: Bytes, w: Bytes, depth: int, x_bits: int, w_bits: int) -> Int32:
    """``int32[M, N]``, the products of all rows of x and w.

    Args:
        x, w: rows of bytes, of at least `depth` codes each; what follows them is ignored.
        depth: up to `MAX_DEPTH`.
        x_bits, w_bits: 4 or 8.

    >>> packed_products(np.uint8([[0x21, 0xF]]), np.uint8([[1, 2, 3]]), 3, 4, 8)
    array([[2]], dtype=int32)
    """
    left, right = codes_of(x, depth, x_bits), codes_of(w, depth, w_bits).T
    chunk = EXACT >> (x_bits - 1 + w_bits - 1)
    sums = np.zeros((len(x), len(w)), np.int32)
    for start in range(0, depth, chunk):
        part = slice(start, start + chunk)
        sums += exact_matmul(left[:, part], right[part])
    return sums
