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
BLOCK_COLUMNS = 64
"""Columns corrected one by one before the rest is, as one product."""


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
    columns = np.ascontiguousarray(rows.T[order])
    group = order // (rows.shape[1] // scales.shape[1])
    steps = scales.T[group] if scales.shape[1] > 1 else np.broadcast_to(scales.T, columns.shape)
    codes = np.empty_like(columns)
    for start in range(0, len(columns), BLOCK_COLUMNS):
        block = slice(start, start + BLOCK_COLUMNS)
        after = slice(start + BLOCK_COLUMNS, None)
        inner = factor[block, block]
        codes[block], errors = _rounded(columns[block], steps[block], inner, lo, hi)
        columns[after] -= factor[block, after].T @ errors
    restored = np.empty_like(codes)
    restored[order] = codes
    return np.ascontiguousarray(restored.T).astype(code_dtype(lo, hi))


def _rounded(
    columns: Float32, steps: Float32, factor: Float32, lo: int, hi: int
) -> tuple[Float32, Float32]:
    """Round the columns of one block in turn: their codes, and ``(w − ŵ) / U[k, k]`` of each."""
    codes, errors = np.empty_like(columns), np.empty_like(columns)
    for k, (column, step) in enumerate(zip(columns, steps, strict=True)):
        np.clip(np.rint(column / step), lo, hi, out=codes[k])
        np.divide(column - codes[k] * step, factor[k, k], out=errors[k])
        columns[k + 1 :] -= factor[k, k + 1 :, None] * errors[k]
    return codes, errors


def _inverse_factor(moments: Float64) -> Float32:
    """Upper U with ``Uᵀ·U = (S + damping)⁻¹``.

    With J the reversal of rows and columns, ``J S J = L Lᵀ`` gives ``U = J L⁻¹ J`` at once: no
    inverse of S is formed.
    """
    damped = moments.copy()
    diagonal = np.diag_indices(len(damped))
    damped[diagonal] += DAMPING * damped[diagonal].mean() or 1.0
    lower = np.linalg.cholesky(damped[::-1, ::-1])
    factor: Float32 = np.linalg.inv(lower)[::-1, ::-1].astype(np.float32)
    return factor
