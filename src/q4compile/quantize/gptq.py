"""Codes that minimize the error of the product, not of the weight (GPTQ: Frantar et al., 2023).

For a weight row w and inputs x with second moments ``S = E[x·xᵀ]`` the error of the product is
``(w − ŵ)ᵀ S (w − ŵ)``. Columns are rounded one after the other, and each one's rounding error is
made up for by the columns still to come, by the rows of the Cholesky factor of S⁻¹.
"""

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.rounding import code_dtype

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

DAMPING = 0.01
"""Share of S's mean diagonal added to its diagonal: inputs that hardly vary bind nothing."""
FEW_COLUMNS = 8
"""Corrected one by one; more are halved, and the right half corrected by one product."""
SMALL_TRIANGLE = 64
"""Inverted as a whole; a larger triangle is inverted by its quarters."""


def gptq_codes(
    rows: Float32, scales: Float32, moments: Float64, lo: int, hi: int
) -> NDArray[np.integer]:
    """Codes in [lo, hi] for ``rows float32[C, K]``: ``int[C, K]``.

    Args:
        scales: ``float32[C, G]``, one per row and group of K / G neighbouring columns.
        moments: ``float64[K, K]``, the inputs' second moments up to a factor.
    """
    order = np.argsort(-np.diag(moments), kind="stable")  # what weighs most is rounded first
    factor = _inverse_factor(moments[np.ix_(order, order)])
    columns = np.ascontiguousarray(rows.T)[order]
    group = order // (rows.shape[1] // scales.shape[1])
    steps = scales.T[group] if scales.shape[1] > 1 else np.broadcast_to(scales.T, columns.shape)
    _round(columns, steps, factor, np.empty_like(columns), lo, hi)
    codes = np.empty(columns.shape, code_dtype(lo, hi))
    codes[order] = columns
    return np.ascontiguousarray(codes.T)


def _round(
    columns: Float32, steps: Float32, factor: Float32, errors: Float32, lo: int, hi: int
) -> None:
    """Turn `columns` into codes, in turn; `errors` becomes ``(w − ŵ) / U[k, k]`` of each."""
    if len(columns) <= FEW_COLUMNS:
        _round_few(columns, steps, factor, errors, lo, hi)
        return
    half = len(columns) // 2
    _round(columns[:half], steps[:half], factor[:half, :half], errors[:half], lo, hi)
    columns[half:] -= factor[:half, half:].T @ errors[:half]
    _round(columns[half:], steps[half:], factor[half:, half:], errors[half:], lo, hi)


def _round_few(
    columns: Float32, steps: Float32, factor: Float32, errors: Float32, lo: int, hi: int
) -> None:
    for k, (column, step, error) in enumerate(zip(columns, steps, errors, strict=True)):
        codes = np.rint(column / step)
        np.minimum(np.maximum(codes, lo, out=codes), hi, out=codes)
        np.divide(column - codes * step, factor[k, k], out=error)
        column[:] = codes
        columns[k + 1 :] -= factor[k, k + 1 :, None] * error


def _inverse_factor(moments: Float64) -> Float32:
    """Upper U with ``Uᵀ·U = (S + damping)⁻¹``.

    With J the reversal of rows and columns, ``J S J = L Lᵀ`` gives ``U = J L⁻¹ J`` at once: no
    inverse of S is formed.
    """
    damped = moments.copy()
    diagonal = np.diag_indices(len(damped))
    damped[diagonal] += DAMPING * damped[diagonal].mean() or 1.0
    lower = np.asarray(np.linalg.cholesky(damped[::-1, ::-1]), np.float64)
    factor: Float32 = _inverse_of_lower(lower)[::-1, ::-1].astype(np.float32)
    return factor


def _inverse_of_lower(lower: Float64) -> Float64:
    """``[[A, 0], [B, C]]⁻¹ = [[A⁻¹, 0], [−C⁻¹·B·A⁻¹, C⁻¹]]``, in a fifth of the time."""
    if len(lower) <= SMALL_TRIANGLE:
        return np.asarray(np.linalg.inv(lower), np.float64)
    half = len(lower) // 2
    inverse = np.zeros_like(lower)
    inverse[:half, :half] = _inverse_of_lower(lower[:half, :half])
    inverse[half:, half:] = _inverse_of_lower(lower[half:, half:])
    inverse[half:, :half] = -inverse[half:, half:] @ (lower[half:, :half] @ inverse[:half, :half])
    return inverse
