"""``Σ_k x[m, k] · w[n, k]`` of halves in float32, the order of additions stated:

    lane j = 0 + x[j] · w[j] + x[j + 16] · w[j + 16] + …      j < 16
    lane j += lane j + 8 (j < 8), then j + 4 (j < 4), then j + 2 (j < 2), then lane 0 += lane 1

A product of two halves is a float32, so each addition rounds once, with or without fused
multiplication. This is the plain reference; `compiled_half_products` has the same numbers sooner.
"""

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.half import Half

Float32 = NDArray[np.float32]
LANES = 16
CHUNK_ELEMENTS = 2**22
"""Lanes that are held at a time."""


def half_products(x: Half, w: Half, initial: Float32 | None = None) -> Float32:
    """``float32[M, N]``, `initial` (if there is one) added last, with one more rounding.

    Args:
        x, w: ``[M, K]`` and ``[N, K]``.
        initial: broadcastable to the result.

    >>> half_products(np.float16([[1, 2]]), np.float16([[3, 4]]), np.float32([0.5]))
    array([[11.5]], dtype=float32)
    """
    rows = max(CHUNK_ELEMENTS // max(len(w) * LANES, 1), 1)
    right = _padded(w)
    parts = [_sums(_padded(x[at : at + rows]), right) for at in range(0, len(x), rows)]
    sums = np.concatenate(parts) if parts else np.zeros((0, len(w)), np.float32)
    return sums if initial is None else np.asarray(sums + initial, np.float32)


def _padded(rows: Half) -> Float32:
    """``[R, steps, 16]``, zeros behind what there is."""
    steps = -(-rows.shape[1] // LANES)
    found = np.zeros((len(rows), steps * LANES), np.float32)
    found[:, : rows.shape[1]] = rows
    return found.reshape(len(rows), steps, LANES)


def _sums(x: Float32, w: Float32) -> Float32:
    lanes = np.zeros((len(x), len(w), LANES), np.float32)
    for step in range(x.shape[1]):
        lanes += x[:, None, step] * w[None, :, step]
    while lanes.shape[-1] > 1:
        half = lanes.shape[-1] // 2
        lanes = lanes[..., :half] + lanes[..., half:]
    return lanes[..., 0]
