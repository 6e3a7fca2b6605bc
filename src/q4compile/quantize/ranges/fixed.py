"""``[low, high] = clip``, as the recipe states it."""

import numpy as np

from q4compile.numerics.histogram import Histogram
from q4compile.quantize.ranges.setter import Clips, Rows
from q4compile.recipe.scheme import Scheme


class FixedRange:
    """The same clip whatever the data are."""

    name = "fixed"

    def of_histogram(self, seen: Histogram, scheme: Scheme) -> tuple[float, float]:
        """The scheme's ``(low, high)``."""
        return _clip(scheme)

    def of_rows(self, rows: Rows, scheme: Scheme) -> Clips:
        """``α[c] = high`` for every row."""
        return np.full(len(rows), _clip(scheme)[1], np.float32)


def _clip(scheme: Scheme) -> tuple[float, float]:
    assert scheme.clip is not None, "the recipe checks that clip is given"
    return scheme.clip
