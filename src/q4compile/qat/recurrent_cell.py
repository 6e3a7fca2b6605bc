"""The form of a compiled recurrent cell, and the products that all of them need on the way back."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from q4compile.qat.recurrent_products import Products
from q4compile.qat.recurrent_walk import Walk


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
        products: Products,
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
