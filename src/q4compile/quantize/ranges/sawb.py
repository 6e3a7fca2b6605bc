"""``α = c1·√E[x²] + c2·E|x|``: statistics-aware weight binning (Choi et al., 2018), in one pass.

c1 and c2 come from regressing the clip of least mean squared error on the two moments over six
distributions. The 2-, 4- and 8-bit pairs are the published ones for zero-aligned grids of 3, 15 and
255 levels; the 3-bit pair (7 levels) was fitted the same way by benchmarks/fit_sawb.py.
"""

import numpy as np

from q4compile.numerics.histogram import Histogram
from q4compile.quantize.ranges.setter import Clips, Rows
from q4compile.recipe.scheme import Scheme

COEFFICIENTS = {2: (2.6, -1.71), 3: (6.81, -6.15), 4: (12.035, -12.03), 8: (31.76, -35.04)}


class SawbRange:
    """The clip of least squared error, estimated from two moments."""

    name = "sawb"

    def of_histogram(self, seen: Histogram, scheme: Scheme) -> tuple[float, float]:
        """(−α, α) with E|x| taken over the histogram's bins."""
        centres, counts = seen.centres, seen.counts
        total = max(seen.extent.count, 1)
        mean_abs = float(np.abs(centres) @ counts) / total
        rms = float(np.sqrt(centres**2 @ counts / total))
        clips = _clips(np.array([rms]), np.array([mean_abs]), scheme.format.bits)
        alpha = float(clips[0]) if clips[0] > 0 else seen.extent.max_abs
        return -alpha, alpha

    def of_rows(self, rows: Rows, scheme: Scheme) -> Clips:
        """α per row; a row whose α comes out ≤ 0 (near-constant |x|) falls back to max |x|."""
        rms = np.sqrt(np.einsum("ck,ck->c", rows, rows) / np.float32(rows.shape[1]))
        magnitude = np.abs(rows)
        clips = _clips(rms, magnitude.mean(axis=1), scheme.format.bits)
        return np.where(clips > 0, clips, magnitude.max(axis=1)).astype(np.float32)


def _clips(rms: Clips, mean_abs: Clips, bits: int) -> Clips:
    c1, c2 = COEFFICIENTS[bits]
    return c1 * rms + c2 * mean_abs
