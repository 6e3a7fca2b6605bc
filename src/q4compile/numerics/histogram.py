"""What calibration remembers of a tensor: flat in memory, whatever the order the data came in.

Bins are ``[i·w, (i+1)·w)`` for i in [−2048, 2048), with w the smallest power of two that holds all
data. When a value falls outside, w doubles and bins merge in pairs: since ⌊⌊x/w⌋/2⌋ = ⌊x/2w⌋
exactly, the counts depend on the set of values only, not on how it was split into batches. The sums
of powers are the same up to the rounding of float64 additions.
"""

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

BINS = 4096
HALF = BINS // 2
FINEST = -40  # smallest bin width is 2**-40: below any scale worth telling apart
CHUNK = 1 << 14  # elements: the float64 buffers stay in the cache, and malloc reuses them


class MinMax:
    """Exact extremes and counts of all values added; NaN and ±Inf are counted, then left out."""

    def __init__(self) -> None:
        self.count = 0
        self.nonfinite = 0
        self.minimum = math.inf
        self.maximum = -math.inf

    @property
    def max_abs(self) -> float:
        """The largest |x|; 0 when nothing was added."""
        return max(-self.minimum, self.maximum) if self.count else 0.0

    def add(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Take in `values` (any shape); returns the finite ones."""
        if not values.size:
            return values
        low, high = float(values.min()), float(values.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            finite = values[np.isfinite(values)]
            self.nonfinite += values.size - finite.size
            return self.add(finite)
        self.count += values.size
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        return values

    def merge(self, other: Self) -> None:
        """Take in everything that `other` has seen."""
        self.count += other.count
        self.nonfinite += other.nonfinite
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)


class Histogram:
    """Counts over 4096 bins, extremes, zeros and the sums of x, x², x³, x⁴ of all values added."""

    def __init__(self) -> None:
        self.extent = MinMax()
        self.zeros = 0
        self.exponent = FINEST
        self.counts: NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.power_sums: NDArray[np.float64] = np.zeros(4)

    @property
    def width(self) -> float:
        """The width of a bin: a power of two."""
        return math.ldexp(1.0, self.exponent)

    @property
    def edges(self) -> NDArray[np.float64]:
        """``float64[4097]``: the borders of the bins."""
        return np.arange(-HALF, HALF + 1, dtype=np.float64) * self.width

    @property
    def centres(self) -> NDArray[np.float64]:
        """``float64[4096]``: the middles of the bins."""
        return (np.arange(-HALF, HALF, dtype=np.float64) + 0.5) * self.width

    def add(self, values: NDArray[np.generic]) -> None:
        """Take in `values`: float32 of any shape."""
        finite = self.extent.add(values).reshape(-1)
        self._widen(_exponent_for(self.extent.minimum, self.extent.maximum))
        for start in range(0, finite.size, CHUNK):
            self._count(finite[start : start + CHUNK])

    def merge(self, other: Self) -> None:
        """Take in everything that `other` has seen."""
        self.extent.merge(other.extent)
        self.zeros += other.zeros
        self.power_sums += other.power_sums
        self._widen(other.exponent)
        self.counts += _merged(other.counts, self.exponent - other.exponent)

    @property
    def mean(self) -> float:
        """``Σx / n``; 0 when nothing was added."""
        return float(self.power_sums[0]) / max(self.extent.count, 1)

    @property
    def variance(self) -> float:
        """``Σx² / n − mean²``, never negative."""
        return max(self._moment(2) - self.mean**2, 0.0)

    @property
    def skew(self) -> float:
        """The third standardized moment: 0 for symmetric data, and for constant data."""
        m, v = self.mean, self.variance
        return (self._moment(3) - 3 * m * self._moment(2) + 2 * m**3) / v**1.5 if v else 0.0

    @property
    def kurtosis(self) -> float:
        """The fourth standardized moment: 3 for a normal distribution, 0 for constant data."""
        m, v = self.mean, self.variance
        central = self._moment(4) - 4 * m * self._moment(3) + 6 * m**2 * self._moment(2) - 3 * m**4
        return central / v**2 if v else 0.0

    def outlier_share(self, sigmas: float) -> float:
        """The share of values beyond `sigmas` standard deviations from the mean, in [0, 1].

        Counts the bins that lie beyond as a whole, at least one bin's width away from the mean.
        """
        reach = max(sigmas * math.sqrt(self.variance), self.width)
        edges, mean = self.edges, self.mean
        beyond = self.counts[(edges[1:] <= mean - reach) | (edges[:-1] > mean + reach)]
        return int(beyond.sum()) / max(self.extent.count, 1)

    def percentile(self, percent: float) -> float:
        """The value that `percent` [%] of the data lie below, to within a bin's width.

        Never outside [minimum, maximum]; 0 gives the minimum and 100 the maximum exactly.

        Raises:
            ValueError: nothing was added, or `percent` is outside [0, 100].
        """
        if not 0 <= percent <= 100 or self.extent.count == 0:
            raise ValueError(f"percentile {percent} of {self.extent.count} values")
        wanted = percent / 100 * self.extent.count
        if wanted == 0 or percent == 100:
            return self.extent.maximum if wanted else self.extent.minimum
        cumulative = np.cumsum(self.counts)
        bin_index = int(np.searchsorted(cumulative, wanted))
        inside = 1 - (cumulative[bin_index] - wanted) / self.counts[bin_index]
        value = float(bin_index - HALF + inside) * self.width
        return min(max(value, self.extent.minimum), self.extent.maximum)

    def _moment(self, power: int) -> float:
        return float(self.power_sums[power - 1]) / max(self.extent.count, 1)

    def _count(self, values: NDArray[np.generic]) -> None:
        self.zeros += int(np.count_nonzero(values == 0))
        x = values.astype(np.float64)
        square = x * x
        self.power_sums += (x.sum(), square.sum(), square @ x, square @ square)
        # float64 scales every float32 by a power of two without underflow, so the floor is exact.
        np.multiply(x, 1.0 / self.width, out=x)
        np.floor(x, out=x)
        x += HALF
        self.counts += np.bincount(x.astype(np.intp), minlength=BINS)

    def _widen(self, exponent: int) -> None:
        if exponent > self.exponent:
            self.counts = _merged(self.counts, exponent - self.exponent)
            self.exponent = exponent


def _exponent_for(minimum: float, maximum: float) -> int:
    """The smallest e ≥ FINEST with ⌊minimum / 2**e⌋ ≥ −2048 and ⌊maximum / 2**e⌋ < 2048."""
    exponent = FINEST
    if maximum > 0:  # maximum < 2**k, so k − 11 will do; 2**k itself is not reached
        exponent = max(exponent, math.frexp(maximum)[1] - 11)
    if minimum < 0:  # −2**k is still inside, as the border of the lowest bin
        mantissa, k = math.frexp(-minimum)
        exponent = max(exponent, k - 11 - (mantissa == 0.5))
    return exponent


def _merged(counts: NDArray[np.int64], doublings: int) -> NDArray[np.int64]:
    """The counts of the same data in bins 2**doublings times as wide."""
    for _ in range(min(doublings, 11)):  # by then everything is in the two bins beside zero
        outer = np.zeros(BINS, np.int64)
        outer[HALF // 2 : HALF + HALF // 2] = counts[0::2] + counts[1::2]
        counts = outer
    return counts
