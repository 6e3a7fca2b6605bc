"""``α = c1·√E[x²] + c2·E|x|``: statistics-aware weight binning (Choi et al., 2018), in one pass.

c1 and c2 come from regressing the clip of least mean squared error on the two moments over six
distributions, the flattest of them uniform. Flatter data, down to constant |x|, are beyond the
regression, whose two terms then all but cancel: α = max |x| there. It is never more than that.
The 2-, 4- and 8-bit pairs are the published ones for zero-aligned grids of 3, 15 and
255 levels; the 3-bit pair (7 levels) was fitted the same way by benchmarks/fit_sawb.py.
"""

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.histogram import Histogram
from q4compile.quantize.ranges.setter import Clips, Rows
from q4compile.recipe.scheme import Scheme

COEFFICIENTS = {2: (2.6, -1.71), 3: (6.94, -6.30), 4: (12.035, -12.03), 8: (31.76, -35.04)}
FLATTEST = 1.15
"""√E[x²] / E|x| of a uniform distribution is 1.155; it is 1 where |x| is constant."""
TERNARY = 2
"""The levels −α, 0, α have their best α below max |x| even then."""

Floats = NDArray[np.floating]


class SawbRange:
    """The clip of least squared error, estimated from two moments."""

    name = "sawb"

    def of_histogram(self, seen: Histogram, scheme: Scheme) -> tuple[float, float]:
        """(−α, α) with E|x| taken over the histogram's bins."""
        centres, counts = seen.centres, seen.counts
        total = max(seen.extent.count, 1)
        mean_abs = float(np.abs(centres) @ counts) / total
        rms = float(np.sqrt(centres**2 @ counts / total))
        largest = np.array([seen.extent.max_abs])
        clips = _clips(np.array([rms]), np.array([mean_abs]), largest, scheme.format.bits)
        alpha = float(clips[0])
        return -alpha, alpha

    def of_rows(self, rows: Rows, scheme: Scheme) -> Clips:
        """α per row."""
        rms = np.sqrt(np.einsum("ck,ck->c", rows, rows) / np.float32(rows.shape[1]))
        magnitude = np.abs(rows)
        largest = magnitude.max(axis=1)
        clips = _clips(rms, magnitude.mean(axis=1), largest, scheme.format.bits)
        return clips.astype(np.float32)


def _clips(rms: Floats, mean_abs: Floats, largest: Floats, bits: int) -> Floats:
    c1, c2 = COEFFICIENTS[bits]
    flat = (rms <= FLATTEST * mean_abs) & (bits > TERNARY)
    return np.where(flat, largest, np.minimum(c1 * rms + c2 * mean_abs, largest))
