"""Numbers for the units of a memory, seen as the units that a region touches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.region import Region

Numbers = NDArray[np.int32]
ITEM_BYTES = 4


@dataclass(frozen=True)
class Units:
    """Those from byte `start` to byte `stop`, both multiples of a unit."""

    start: int
    stop: int

    def zeros(self, *outer: int) -> Numbers:
        """A number for each, int32 [*outer, unit]."""
        return np.zeros((*outer, max(self.stop - self.start, 0) // UNIT_BYTES), np.int32)

    def cover(self, region: Region) -> bool:
        """Whether all of the region lies in them."""
        return self.start <= region.start and region.stop <= self.stop

    def of(self, region: Region, numbers: Numbers) -> Numbers:
        """A view of those in a region that they cover; more where rows do not begin at units.

        `numbers` is [*outer, unit], the view [*outer, row, unit] or [*outer, unit].
        """
        first = (region.start - self.start) // UNIT_BYTES
        row_units = -(-region.row_bytes // UNIT_BYTES)
        pitch_units, rest = divmod(region.pitch_bytes, UNIT_BYTES)
        if region.rows == 1 or rest or pitch_units <= row_units:
            return numbers[..., first : -(-(region.stop - self.start) // UNIT_BYTES)]
        shape = (*numbers.shape[:-1], region.rows, row_units)
        strides = (*numbers.strides[:-1], ITEM_BYTES * pitch_units, ITEM_BYTES)
        return np.ndarray(shape, np.int32, numbers, ITEM_BYTES * first, strides)
