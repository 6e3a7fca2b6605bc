"""``α = max |x|``: nothing is clipped, and a single outlier sets the step for all."""

import numpy as np

from q4compile.numerics.histogram import Histogram
from q4compile.quantize.ranges.setter import Clips, Rows
from q4compile.recipe.scheme import Scheme


class MinMaxRange:
    """The extremes seen."""

    name = "minmax"

    def of_histogram(self, seen: Histogram, scheme: Scheme) -> tuple[float, float]:
        """``(min(0, min x), max(0, max x))``."""
        return min(seen.extent.minimum, 0.0), max(seen.extent.maximum, 0.0)

    def of_rows(self, rows: Rows, scheme: Scheme) -> Clips:
        """``α[c] = max_k |rows[c, k]|``."""
        return np.asarray(np.maximum(rows.max(axis=1), -rows.min(axis=1)))
