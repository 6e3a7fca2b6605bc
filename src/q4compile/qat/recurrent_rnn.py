"""One direction of a plain RNN on the CPU: a matrix product and one compiled loop per step."""

from dataclasses import dataclass
from typing import Any

import numba
import torch
from torch import Tensor

from q4compile.qat.recurrent_cell import Passed, Returned, recurrent_gradient
from q4compile.qat.recurrent_functions import (
    COMPILED,
    ONE,
    F,
    fake_quantized,
    quantizer_gradient,
    tanh,
)
from q4compile.qat.recurrent_products import Products
from q4compile.qat.recurrent_walk import Walk


@dataclass(frozen=True)
class RnnCell:
    """``h = Q(tanh(gates))``, or with `relu` ``h = Q(max(gates, 0))``; a `Cell`."""

    relu: bool = False

    def forward(
        self,
        walk: Walk,
        gates: Tensor,
        products: Products,
        r_bias: Tensor | None,
        states: tuple[Tensor, ...],
        y: Tensor,
    ) -> Passed:
        """Save h before it is quantized, [T, B, H]."""
        h = states[0].clone()
        arrays = gates.numpy(), y.numpy(), h.numpy(), walk.lengths
        for t, _, _ in walk.steps:
            products.add(gates[t], h)
            _step(*arrays, t, self.relu, walk.grid)
        return Passed((h,), (gates,))

    def backward(
        self,
        walk: Walk,
        saved: tuple[Tensor, ...],
        r: Tensor,
        y: Tensor,
        h0: Tensor,
        dy: Tensor,
        d_states: tuple[Tensor, ...],
    ) -> Returned:
        """The loop leaves 0 in dh where a step was, so that the product may be added to it."""
        (gates,), (dh,) = saved, d_states
        dgates, sums = torch.empty_like(gates), dh.new_zeros(3, dh.shape[1])
        given = gates.numpy(), walk.lengths, dy.numpy()
        changed = dh.numpy(), dgates.numpy(), sums.numpy()
        for t, _, _ in reversed(walk.steps):
            _step_back(*given, *changed, t, self.relu, walk.grid)
            dh.addmm_(dgates[t], r)
        return Returned(dgates, recurrent_gradient(walk, dgates, y, h0), None, sums)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _step(gates: Any, y: Any, h: Any, lengths: Any, t: int, relu: bool, grid: Any) -> None:
    for b in range(len(lengths)):
        if t >= lengths[b]:
            y[t, b] = 0
            continue
        z, state, out = gates[t, b], h[b], y[t, b]
        for j in range(len(z)):
            z[j] = max(z[j], F(0)) if relu else tanh(z[j])
            state[j] = z[j] if grid is None else fake_quantized(z[j], grid)
            out[j] = state[j]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _step_back(
    gates: Any,
    lengths: Any,
    dy: Any,
    dh: Any,
    dgates: Any,
    sums: Any,
    t: int,
    relu: bool,
    grid: Any,
) -> None:
    rounded, below, above = sums[0], sums[1], sums[2]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            dgates[t, b] = 0
            continue
        h, out, dout, dstate = gates[t, b], dgates[t, b], dy[t, b], dh[b]
        for j in range(len(h)):
            grad = dout[j] + dstate[j]
            dstate[j] = 0
            if grid is not None:
                grad, e, under, over = quantizer_gradient(h[j], grad, grid)
                rounded[j] += e
                below[j] += under
                above[j] += over
            slope = (ONE if h[j] > F(0) else F(0)) if relu else ONE - h[j] * h[j]
            out[j] = grad * slope
