"""A constant tensor seen as rows that share a scale: the one place that knows granularities.

Every weight is a matrix ``[C, K]`` of C output channels by K reduced elements, whatever shape the
operator keeps it in. Granularities regroup it:

    per_tensor    [1, C·K]       per_gate      [D·G, H·K]  (recurrent weights, C = D·G·H)
    per_channel   [C, K]         per_group(n)  [C·K/n, n]
"""

from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Element = TypeVar("Element", bound=np.generic)


@dataclass(frozen=True)
class Blocking:
    """Rows of a tensor of `shape` whose output channels lie along `channel_axes`.

    `row_elements` is how many consecutive elements of the ``[C, K]`` matrix share a scale.
    """

    shape: tuple[int, ...]
    channel_axes: tuple[int, ...]
    row_elements: int

    @property
    def order(self) -> tuple[int, ...]:
        """The axes with the channels first."""
        rest = tuple(a for a in range(len(self.shape)) if a not in self.channel_axes)
        return self.channel_axes + rest

    @property
    def channels(self) -> int:
        """C: the number of output channels."""
        return prod(self.shape[axis] for axis in self.channel_axes)

    @property
    def reduced_elements(self) -> int:
        """K: the number of elements one output channel reduces over."""
        return prod(self.shape) // max(self.channels, 1)

    def rows(self, tensor: NDArray[Element]) -> NDArray[Element]:
        """``[R, row_elements]``; a view where the memory order allows."""
        return tensor.transpose(self.order).reshape(-1, self.row_elements)

    def restored(self, rows: NDArray[Element]) -> NDArray[Element]:
        """The inverse of `rows`: the tensor in its own shape, contiguous."""
        moved = rows.reshape([self.shape[axis] for axis in self.order])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.order)))
