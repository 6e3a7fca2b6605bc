"""The order in which one direction of a recurrent layer visits its steps, and h's grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Grid = tuple[np.float32, np.float32, np.float32, np.float32]
"""Scale, zero point, and the lowest and the highest code."""


@dataclass(frozen=True)
class Walk:
    """`count` steps over sequences of `lengths` int64[B], backwards in time if `reverse`.

    A sequence stands still while t >= its length: behind its end, or before its last frame.
    """

    count: int
    lengths: NDArray[np.int64]
    reverse: bool
    grid: Grid | None

    @property
    def steps(self) -> list[tuple[int, int, int]]:
        """(t, row of the state before, row of the state after) in [0, count], in order."""
        if self.reverse:
            return [(t, t + 1, t) for t in reversed(range(self.count))]
        return [(t, t, t + 1) for t in range(self.count)]

    @property
    def start(self) -> int:
        """The row of the initial state."""
        return self.count if self.reverse else 0

    @property
    def end(self) -> int:
        """The row of the final state."""
        return 0 if self.reverse else self.count

    def states(self, initial: Tensor) -> Tensor:
        """Room for a state at every row [count + 1, B, H], the initial one in its place."""
        rows = initial.new_empty(self.count + 1, *initial.shape)
        rows[self.start] = initial
        return rows

    def before(self, rows: Tensor) -> Tensor:
        """Of ``rows[count + 1, …]`` the state before each step: [count, …]."""
        return rows[1:] if self.reverse else rows[:-1]

    def first(self, rows: Tensor) -> Tensor:
        """``rows[t, b]`` at the first step t of each sequence b: [B, …] of [T, B, …]."""
        if not self.reverse:
            return rows[0]
        last_frame = np.maximum(self.lengths, 1) - 1
        return rows[last_frame, np.arange(len(self.lengths))]
