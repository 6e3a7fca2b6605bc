"""``P(|x| ≤ α) = percentile %``: the rarest values are clipped, and the rest get a finer step."""

import numpy as np

from q4compile.numerics.histogram import Histogram
from q4compile.quantize.ranges.setter import Clips, Rows
from q4compile.recipe.scheme import Scheme


class PercentileRange:
    """The scheme's `percentile` [%] of the values lie inside, at each end on its own."""

    name = "percentile"

    def of_histogram(self, seen: Histogram, scheme: Scheme) -> tuple[float, float]:
        """``(P(100 − p), P(p))`` of the values, widened to hold 0."""
        percent = _percent(scheme)
        if not seen.extent.count:
            return 0.0, 0.0
        return min(seen.percentile(100 - percent), 0.0), max(seen.percentile(percent), 0.0)

    def of_rows(self, rows: Rows, scheme: Scheme) -> Clips:
        """The percentile of |rows[c, :]|, interpolated between neighbours."""
        return np.percentile(np.abs(rows), _percent(scheme), axis=1).astype(np.float32)


def _percent(scheme: Scheme) -> float:
    assert scheme.percentile is not None, "the recipe checks that percentile is given"
    return scheme.percentile
