"""Integer matrix products through float32 BLAS: exact as long as no partial sum exceeds 2**24.

The plain reference that faster kernels are compared with.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

EXACT = 2**24  # every integer up to this magnitude is a float32


def exact_matmul(a: ArrayLike, w: ArrayLike) -> NDArray[np.int32]:
    """``a @ w`` for integer-valued arrays, bit for bit, in any order of summation.

    Args:
        a: integers ``[..., M, K]`` of any dtype.
        w: integers ``[..., K, N]`` of any dtype.

    Raises:
        ValueError: K · max|a| · max|w| > 2**24, where float32 sums could round.
    """
    left, right = np.asarray(a), np.asarray(w)
    depth, a_max, w_max = left.shape[-1], _magnitude(left), _magnitude(right)
    if depth * a_max * w_max > EXACT:
        raise ValueError(f"K·max|a|·max|w| = {depth}·{a_max}·{w_max} exceeds 2**24: split K")
    return np.asarray(left.astype(np.float32) @ right.astype(np.float32), np.int32)


def _magnitude(codes: NDArray[np.generic]) -> int:
    return max(abs(int(codes.min())), abs(int(codes.max()))) if codes.size else 0
