"""The bytes of a region, as a view of an array that has an element for each byte of a memory."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.region import Region

Item = TypeVar("Item", np.uint8, np.bool_)


def rows_of(array: NDArray[Item], region: Region) -> NDArray[Item]:
    """``[rows, row_bytes]`` of a region that is not empty and lies within the memory."""
    shape, strides = (region.rows, region.row_bytes), (region.pitch_bytes, 1)
    return np.ndarray(shape, array.dtype, array, region.start, strides)


def bytes_of(array: NDArray[Item], region: Region) -> NDArray[Item]:
    """The same bytes, none of them twice: where rows overlap, they are one row."""
    if region.rows > 1 and region.pitch_bytes < region.row_bytes:
        return array[None, region.start : region.stop]
    return rows_of(array, region)


def lies_within(region: Region, count_bytes: int) -> bool:
    """Whether a memory of that size has all of the region."""
    return region.start >= 0 and region.stop <= count_bytes
