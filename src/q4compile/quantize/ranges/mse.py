"""``α = argmin Σ (x − Q(x))²`` over 99 candidate clips: exact where the others estimate."""

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.histogram import Histogram
from q4compile.numerics.rounding import fake_quantize
from q4compile.quantize.encoding import SMALLEST_SCALE
from q4compile.quantize.ranges.setter import Clips, Rows, code_format
from q4compile.recipe.scheme import Scheme

SHARES = np.linspace(0.02, 1.0, 99)
ROW_BLOCK_ELEMENTS = 1 << 16  # the working set of one block stays in the cache


class MseRange:
    """The share of the full range with the least squared error."""

    name = "mse"

    def of_histogram(self, seen: Histogram, scheme: Scheme) -> tuple[float, float]:
        """The best of 99 shrunken ranges; both ends shrink together when not symmetric."""
        low, high = min(seen.extent.minimum, 0.0), max(seen.extent.maximum, 0.0)
        if scheme.symmetric:
            high = max(-low, high)
            low = -high
        used = seen.counts > 0
        x, counts = seen.centres[used], seen.counts[used]
        errors = [_error(x, counts, share * low, share * high, scheme) for share in SHARES]
        best = float(SHARES[int(np.argmin(errors))])
        return best * low, best * high

    def of_rows(self, rows: Rows, scheme: Scheme) -> Clips:
        """The best of 99 shrunken clips for each row on its own."""
        step = max(1, ROW_BLOCK_ELEMENTS // rows.shape[1])
        blocks = [_best(rows[at : at + step], scheme) for at in range(0, len(rows), step)]
        return np.concatenate(blocks)


def _error(
    x: NDArray[np.float64], counts: NDArray[np.int64], low: float, high: float, scheme: Scheme
) -> float:
    lo, hi = code_format(scheme).codes()
    if scheme.symmetric:
        scale, zero_point = high / hi, 0
    else:
        scale = (high - low) / (hi - lo)
        zero_point = round(lo - low / scale) if scale else 0
    if scale == 0:
        return 0.0
    difference = x - fake_quantize(x, scale, zero_point, lo, hi)
    return float(difference**2 @ counts)


def _best(rows: Rows, scheme: Scheme) -> Clips:
    _, hi = code_format(scheme).codes(narrow=True)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    unit = np.where(largest / np.float32(hi) >= SMALLEST_SCALE, largest, np.float32(hi))
    best_error = np.full(len(rows), np.inf, np.float32)
    best_clip: Clips = largest[:, 0].copy()
    for share in SHARES.astype(np.float32):
        scale = unit * share / np.float32(hi)
        difference = rows - fake_quantize(rows, scale, 0, -hi, hi)
        error = np.einsum("ck,ck->c", difference, difference)
        better = error < best_error
        best_error[better] = error[better]
        best_clip[better] = largest[better, 0] * share
    return best_clip
