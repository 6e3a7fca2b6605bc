"""Values in memory: rows of codes, and the ONNX axes through which nodes see them.

A tensor is rows, outer axes before inner ones, of columns. A row is `slices` equal parts, each from
a 16-byte boundary on: the directions of an LSTM, or neighbouring frames. A transposition, a new
axis or a merged one is another `View` of the same rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES, ElementType, aligned_bytes
from q4compile.lower.layout.axes import Axis
from q4compile.lower.numbers.kinds import Kind

Group = tuple[Axis, ...]
"""One ONNX axis: the axes in memory that it runs over, outer before inner; none for length 1."""


@dataclass(frozen=True)
class Tensor:
    """Rows of codes. Its name is that of the ONNX value that it was made for."""

    name: str
    kind: Kind
    element: ElementType
    rows: Group
    columns: Group
    slices: int = 1
    given_step: int = 0
    """Columns from slice to slice where these do not begin at 16-byte boundaries, else 0."""

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return prod(axis.size for axis in self.columns if isinstance(axis.size, int))

    @property
    def slice_columns(self) -> int:
        """How many numbers a slice has."""
        return self.width // self.slices

    @property
    def slice_step(self) -> int:
        """Columns from slice to slice, those of a gap included."""
        if self.slices == 1:
            return self.width
        return self.given_step or self._aligned_step

    @property
    def _aligned_step(self) -> int:
        return self.element.pitch_bytes(self.slice_columns) * 8 // self.element.bits

    @property
    def slice_bytes(self) -> int:
        """From slice to slice."""
        return self.element.row_bytes(self.slice_step)

    @property
    def depth(self) -> int:
        """Columns of a row in memory, those in gaps included: what a product runs over."""
        return self.slices * self.slice_step

    @property
    def row_bytes(self) -> int:
        """Of a row, with all gaps."""
        return self.element.row_bytes(self.depth)

    @property
    def pitch_bytes(self) -> int:
        """From row to row."""
        return aligned_bytes(self.row_bytes)

    @property
    def pitch_units(self) -> int:
        """From row to row."""
        return self.pitch_bytes // UNIT_BYTES

    @property
    def is_dense(self) -> bool:
        """True when no gap lies between slices."""
        return self.slice_step == self.slice_columns

    @property
    def has_aligned_slices(self) -> bool:
        """True when every slice begins at a 16-byte boundary."""
        return self.slices == 1 or self.slice_step * self.element.bits % (8 * UNIT_BYTES) == 0

    def positions(self) -> Iterator[int]:
        """For each number of a row, where it lies among the `depth` columns."""
        for each in range(self.slices):
            first = each * self.slice_step
            yield from range(first, first + self.slice_columns)

    def recoded(self, name: str, kind: Kind, element: ElementType) -> "Tensor":
        """Other codes in the same columns."""
        step = self.slice_step if self.slices > 1 else 0
        return replace(self, name=name, kind=kind, element=element, given_step=step)

    @property
    def axes(self) -> Group:
        """All axes in the order of memory."""
        return self.rows + self.columns


@dataclass(frozen=True)
class View:
    """A tensor through ONNX axes."""

    tensor: Tensor
    axes: tuple[Group, ...]

    @property
    def is_row_wise(self) -> bool:
        """True when the last ONNX axis is a whole row and the others are rows."""
        inside = [axis for group in self.axes[:-1] for axis in group]
        last = bool(self.axes) and self.axes[-1] == self.tensor.columns
        return last and set(inside) == set(self.tensor.rows)

    def positions(self) -> list[int] | None:
        """Where each number of the last ONNX axis lies in a row; None if that is no whole row."""
        inside = [axis for group in self.axes[:-1] for axis in group]
        last, columns = self.axes[-1] if self.axes else (), self.tensor.columns
        is_whole = set(last) == set(columns) and len(last) == len(columns)
        if not is_whole or set(inside) != set(self.tensor.rows):
            return None
        lengths = [axis.size for axis in columns if isinstance(axis.size, int)]
        order = [columns.index(axis) for axis in last]
        index = np.arange(self.tensor.width).reshape(lengths).transpose(order)
        places = np.array(list(self.tensor.positions()), int)
        found: list[int] = places[index.reshape(-1)].tolist()
        return found

    def transposed(self, order: Iterable[int]) -> "View":
        """ONNX Transpose."""
        return View(self.tensor, tuple(self.axes[axis] for axis in order))


def memory_rows(axes: Iterable[Group], lane: Axis | None) -> Group:
    """Axes of rows in memory: as ONNX has them, but `lane`, the axis of the batch, innermost."""
    found = [axis for group in axes for axis in group]
    outer = tuple(axis for axis in found if axis != lane)
    return outer if lane is None or lane not in found else (*outer, lane)


def names(axes: Sequence[Axis]) -> tuple[int | str, ...]:
    """Axes by their sizes: those of two tensors may be told apart by nothing but serials."""
    return tuple(axis.size for axis in axes)
