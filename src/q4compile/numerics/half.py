"""``f16(x)``: the IEEE half nearest to a real number, ties to even, at most ±65504; never infinite.

What is computed exactly, or in float64 from float32 arguments, is rounded once. NaN is 0x7E00.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Half = NDArray[np.float16]
Float = NDArray[Any]
LARGEST = 65504.0


def nearest_half(x: Float) -> Half:
    """``f16(x)`` of float16, float32 or float64.

    >>> nearest_half(np.array([1e9, 1 + 2**-11, -0.0]))
    array([ 6.5504e+04,  1.0000e+00, -0.0000e+00], dtype=float16)
    """
    with np.errstate(invalid="ignore"):  # a NaN may be a signalling one
        found = np.asarray(np.clip(x, -LARGEST, LARGEST).astype(np.float16))
    found[np.isnan(found)] = np.nan
    return found


def sigmoid_half(x: Float) -> Half:
    """``f16(1 / (1 + e^−x))``."""
    with np.errstate(over="ignore", invalid="ignore"):  # e^800 is infinite, and 1 / infinity is 0
        return nearest_half(1 / (1 + np.exp(-x.astype(np.float64))))


def tanh_half(x: Float) -> Half:
    """``f16(tanh(x))``."""
    with np.errstate(invalid="ignore"):
        return nearest_half(np.tanh(x.astype(np.float64)))


FUNCTIONS: tuple[Callable[[Float], Half], ...] = (nearest_half, sigmoid_half, tanh_half)
"""Identity, σ, tanh."""
