"""What every range setter offers: a clip for a calibrated tensor, and one per row of a constant."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.formats import Format
from q4compile.numerics.histogram import Histogram
from q4compile.recipe.scheme import Scheme

Rows = NDArray[np.float32]
Clips = NDArray[np.float32]


class RangeSetter(Protocol):
    """Chooses how far the grid reaches."""

    name: str

    def of_histogram(self, seen: Histogram, scheme: Scheme) -> tuple[float, float]:
        """``(low, high)`` with low ≤ 0 ≤ high; symmetric schemes use max(−low, high)."""
        ...

    def of_rows(self, rows: Rows, scheme: Scheme) -> Clips:
        """``α float32[C] ≥ 0``, the symmetric clip of each row of ``rows float32[C, K]``."""
        ...


def code_format(scheme: Scheme) -> Format:
    """The format of `scheme`, which must be an integer one."""
    assert not scheme.format.is_float, f"{scheme.format} has no codes"
    return scheme.format
