"""What the compiled recurrent cells share: the order of the steps, and the form of a cell."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
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


@dataclass(frozen=True)
class Passed:
    """What a forward pass leaves: the final states [B, H], and what the way back needs."""

    finals: tuple[Tensor, ...]
    saved: tuple[Tensor, ...]


@dataclass(frozen=True)
class Returned:
    """What a backward pass leaves.

    `gates` is the gradient of the input's share [T, B, G · H]; `sums` float32[3, H] are E, B and A
    of h's quantizer over all steps, unit by unit.
    """

    gates: Tensor
    r: Tensor
    r_bias: Tensor | None
    sums: Tensor


class Cell(Protocol):
    """One direction of a recurrent layer, all of its steps.

    `gates` float32[T, B, G · H] holds the input's share and becomes what the cell makes of it; y
    [T, B, H] is written; `states` and `d_states` are h and, of an LSTM, c: [B, H]. The latter hold
    the gradients of the final states and end as those of the initial ones.
    """

    def forward(
        self,
        walk: Walk,
        gates: Tensor,
        r: Tensor,
        r_bias: Tensor | None,
        states: tuple[Tensor, ...],
        y: Tensor,
    ) -> Passed: ...

    def backward(
        self,
        walk: Walk,
        saved: tuple[Tensor, ...],
        r: Tensor,
        y: Tensor,
        h0: Tensor,
        dy: Tensor,
        d_states: tuple[Tensor, ...],
    ) -> Returned: ...


def over_steps(d_rows: Tensor, rows: Tensor) -> Tensor:
    """``Σ d_rows[t, b]ᵀ · rows[t, b]`` of [T, B, N] and [T, B, K]: one product, [N, K]."""
    return torch.mm(d_rows.flatten(0, 1).t(), rows.flatten(0, 1))


def recurrent_gradient(walk: Walk, d_rows: Tensor, y: Tensor, h0: Tensor) -> Tensor:
    """``dR = Σ d_rows[t]ᵀ · h before t``, which is y one step earlier, or h0."""
    later, earlier = (d_rows[:-1], y[1:]) if walk.reverse else (d_rows[1:], y[:-1])
    return over_steps(later, earlier).addmm_(walk.first(d_rows).t(), h0)
