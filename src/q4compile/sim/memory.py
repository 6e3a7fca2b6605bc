"""A memory as bytes, and views of it: whatever a word names lies within, or it is a `Fault`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.element_type import ElementType
from q4compile.sim.fault import out_of_bounds

Bytes = NDArray[np.uint8]
Array = NDArray[Any]

DTYPES: dict[ElementType, np.dtype[Any]] = {
    ElementType.I4: np.dtype(np.uint8),
    ElementType.I8: np.dtype(np.int8),
    ElementType.I16: np.dtype(np.int16),
    ElementType.I32: np.dtype(np.int32),
    ElementType.F16: np.dtype(np.float16),
    ElementType.F32: np.dtype(np.float32),
}
INT16, INT32 = DTYPES[ElementType.I16], DTYPES[ElementType.I32]
UINT32, BYTE = np.dtype(np.uint32), np.dtype(np.uint8)


@dataclass(frozen=True)
class Layout:
    """How the rows of a matrix of default pitch lie."""

    dtype: np.dtype[Any]
    row_bytes: int
    pitch_bytes: int

    @property
    def width(self) -> int:
        """Elements from row to row."""
        return self.pitch_bytes // self.dtype.itemsize


def layout(kind: ElementType, columns: int) -> Layout:
    """Of a matrix with that many columns; two codes of 4 bits are one element, a byte."""
    return Layout(DTYPES[kind], kind.row_bytes(columns), kind.pitch_bytes(columns))


class Memory:
    """``size_bytes`` bytes, a multiple of 16, so that whole rows of default pitch end within it."""

    def __init__(self, name: str, size_bytes: int) -> None:
        self.name, self.size_bytes = name, size_bytes
        self.bytes: Bytes = np.zeros(size_bytes, np.uint8)

    def resize(self, size_bytes: int) -> bool:
        """Another size; True if the memory is new and all 0 then, else it holds what it held."""
        grows = size_bytes > len(self.bytes)
        if grows:
            self.bytes = np.zeros(size_bytes, np.uint8)
        self.size_bytes = size_bytes
        return grows

    def check(self, what: str, start: int, stop: int) -> None:
        """Fault unless [start, stop) lies in the memory."""
        if start < 0 or stop > self.size_bytes:
            raise out_of_bounds(what, self.name, start, stop, self.size_bytes)

    def rows(
        self,
        what: str,
        start: int,
        rows: int,
        columns: int,
        pitch_bytes: int,
        dtype: np.dtype[Any] = BYTE,
    ) -> Array:
        """``[rows, columns]`` at any pitch, at least one of each; `what` is named in a fault."""
        row_bytes = columns * dtype.itemsize
        self.check(what, start, start + (rows - 1) * pitch_bytes + row_bytes)
        strides = (pitch_bytes, dtype.itemsize)
        return np.ndarray((rows, columns), dtype, self.bytes, start, strides)

    def matrix(self, what: str, start: int, rows: int, layout: Layout) -> Array:
        """``[rows, width]``, at least one row."""
        self.check(what, start, start + (rows - 1) * layout.pitch_bytes + layout.row_bytes)
        return np.ndarray((rows, layout.width), layout.dtype, self.bytes, start)

    def vector(self, what: str, start: int, count: int, dtype: np.dtype[Any]) -> Array:
        """``[count]`` without gaps."""
        self.check(what, start, start + count * dtype.itemsize)
        return np.ndarray((count,), dtype, self.bytes, start)


def move(source: Bytes, to: Bytes, to_pitch_bytes: int) -> None:
    """``to[r] = source[r]``, rows in order from row 0; the two lie in different memories.

    Rows of `to` that overlap keep what the next one does not reach, the last one all.
    """
    rows, row_bytes = to.shape
    if to_pitch_bytes >= row_bytes or rows == 1:
        to[:] = source
    else:
        to[:-1, :to_pitch_bytes] = source[:-1, :to_pitch_bytes]
        to[-1] = source[-1]
