"""One direction of a GRU on the CPU, in both of its forms; gate order is ONNX's: z, r, h̃.

h = Q(h̃ + z ⊙ (h before − h̃)),  h̃ = tanh(gx + r ⊙ (h · Rᵀ + b_R))    linear_before_reset
                                 h̃ = tanh(gx + Q(r ⊙ h) · Rᵀ)           otherwise
"""

from typing import Any

import numba
import torch
from torch import Tensor

from q4compile.qat.recurrent_cell import Passed, Returned, over_steps
from q4compile.qat.recurrent_functions import (
    COMPILED,
    ONE,
    fake_quantized,
    quantizer_gradient,
    sigmoid,
    tanh,
)
from q4compile.qat.recurrent_products import Products
from q4compile.qat.recurrent_walk import Walk


class LinearGruCell:
    """``h̃ = tanh(gx + r ⊙ (h · Rᵀ + b_R))``: one product per step; a `Cell`."""

    def forward(
        self,
        walk: Walk,
        gates: Tensor,
        products: Products,
        r_bias: Tensor | None,
        states: tuple[Tensor, ...],
        y: Tensor,
    ) -> Passed:
        """Save the activated gates, every h[T + 1, B, H] and ``h · Rᵀ + b_R`` of h̃ [T, B, H]."""
        assert r_bias is not None, "this form keeps its recurrent bias apart"
        h = walk.states(states[0])
        candidates, product = torch.empty_like(y), gates.new_empty(gates.shape[1:])
        arrays = gates.numpy(), product.numpy(), candidates.numpy(), h.numpy(), y.numpy()
        for t, before, after in walk.steps:
            product.copy_(r_bias)
            products.add(product, h[before])
            _linear_step(*arrays, walk.lengths, t, before, after, walk.grid)
        return Passed((h[walk.end].clone(),), (gates, h, candidates))

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
        """The loop leaves in dh what does not go through the product."""
        (gates, h, candidates), (dh,) = saved, d_states
        dgates, sums = torch.empty_like(gates), dh.new_zeros(3, dh.shape[1])
        dproducts = torch.empty_like(gates)
        given = gates.numpy(), h.numpy(), candidates.numpy(), dy.numpy()
        changed = dh.numpy(), dgates.numpy(), dproducts.numpy(), sums.numpy()
        for t, before, _ in reversed(walk.steps):
            _linear_step_back(*given, *changed, walk.lengths, t, before, walk.grid)
            dh.addmm_(dproducts[t], r)
        dr = over_steps(dproducts, walk.before(h))
        return Returned(dgates, dr, dproducts.sum((0, 1)), sums)


class ResetGruCell:
    """``h̃ = tanh(gx + Q(r ⊙ h) · Rᵀ)``: two products per step; a `Cell`."""

    def forward(
        self,
        walk: Walk,
        gates: Tensor,
        products: Products,
        r_bias: Tensor | None,
        states: tuple[Tensor, ...],
        y: Tensor,
    ) -> Passed:
        """Save the activated gates, every h[T + 1, B, H] and ``Q(r ⊙ h)`` [T, B, H]."""
        h, kept = walk.states(states[0]), torch.empty_like(y)
        sigmoids, tanhs = _parts(gates)
        size = y.shape[-1]
        for_sigmoids, for_tanhs = products.rows(0, 2 * size), products.rows(2 * size, 3 * size)
        arrays = gates.numpy(), kept.numpy(), h.numpy()
        for t, before, after in walk.steps:
            for_sigmoids.add(sigmoids[t], h[before])
            _reset_step(*arrays, t, before, walk.grid)
            for_tanhs.add(tanhs[t], kept[t])
            _candidate_step(*arrays, y.numpy(), walk.lengths, t, before, after, walk.grid)
        return Passed((h[walk.end].clone(),), (gates, h, kept))

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
        """The loops leave in dh what does not go through a product."""
        (gates, h, kept), (dh,) = saved, d_states
        dgates, sums = torch.empty_like(gates), dh.new_zeros(3, dh.shape[1])
        dkept = torch.empty_like(dh)
        dsigmoids, dtanhs = _parts(dgates)
        size = y.shape[-1]
        for_sigmoids, for_tanhs = r[: 2 * size], r[2 * size :]
        given = gates.numpy(), h.numpy()
        changed = dh.numpy(), dgates.numpy(), sums.numpy(), walk.lengths
        for t, before, _ in reversed(walk.steps):
            _candidate_step_back(*given, dy.numpy(), *changed, t, before, walk.grid)
            torch.mm(dtanhs[t], for_tanhs, out=dkept)
            _reset_step_back(*given, dkept.numpy(), *changed, t, before, walk.grid)
            dh.addmm_(dsigmoids[t], for_sigmoids)
        dr = torch.cat([over_steps(dsigmoids, walk.before(h)), over_steps(dtanhs, kept)])
        return Returned(dgates, dr, None, sums)


def _parts(gates: Tensor) -> tuple[Tensor, Tensor]:
    """Of [T, B, 3 · H] the gates with a sigmoid [T, B, 2 · H] and the one with a tanh."""
    size = gates.shape[-1] // 3
    return gates[..., : 2 * size], gates[..., 2 * size :]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _linear_step(
    gates: Any,
    product: Any,
    candidates: Any,
    h: Any,
    y: Any,
    lengths: Any,
    t: int,
    before: int,
    after: int,
    grid: Any,
) -> None:
    size = h.shape[2]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            h[after, b] = h[before, b]
            y[t, b] = 0
            candidates[t, b] = 0
            continue
        z, r, new = gates[t, b, :size], gates[t, b, size : 2 * size], gates[t, b, 2 * size :]
        mz, mr, mh = product[b, :size], product[b, size : 2 * size], product[b, 2 * size :]
        last, state, kept, out = h[before, b], h[after, b], candidates[t, b], y[t, b]
        for j in range(size):
            z[j], r[j] = sigmoid(z[j] + mz[j]), sigmoid(r[j] + mr[j])
            kept[j] = mh[j]
            new[j] = tanh(new[j] + r[j] * mh[j])
            state[j] = new[j] + z[j] * (last[j] - new[j])
        for j in range(size):
            if grid is not None:
                state[j] = fake_quantized(state[j], grid)
            out[j] = state[j]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _linear_step_back(
    gates: Any,
    h: Any,
    candidates: Any,
    dy: Any,
    dh: Any,
    dgates: Any,
    dproducts: Any,
    sums: Any,
    lengths: Any,
    t: int,
    before: int,
    grid: Any,
) -> None:
    size = dh.shape[1]
    rounded, below, above = sums[0], sums[1], sums[2]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            dgates[t, b] = 0
            dproducts[t, b] = 0
            continue
        z, r, new = gates[t, b, :size], gates[t, b, size : 2 * size], gates[t, b, 2 * size :]
        dz, dr = dgates[t, b, :size], dgates[t, b, size : 2 * size]
        dnew, last, kept = dgates[t, b, 2 * size :], h[before, b], candidates[t, b]
        dmh, dout, dstate = dproducts[t, b, 2 * size :], dy[t, b], dh[b]
        for j in range(size):
            grad = dout[j] + dstate[j]
            if grid is not None:
                state = new[j] + z[j] * (last[j] - new[j])
                grad, e, under, over = quantizer_gradient(state, grad, grid)
                rounded[j] += e
                below[j] += under
                above[j] += over
            dstate[j] = grad * z[j]
            dz[j] = grad * (last[j] - new[j]) * z[j] * (ONE - z[j])
            dnew[j] = grad * (ONE - z[j]) * (ONE - new[j] * new[j])
            dmh[j] = dnew[j] * r[j]
            dr[j] = dnew[j] * kept[j] * r[j] * (ONE - r[j])
        dproducts[t, b, : 2 * size] = dgates[t, b, : 2 * size]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _reset_step(gates: Any, kept: Any, h: Any, t: int, before: int, grid: Any) -> None:
    size = h.shape[2]
    for b in range(h.shape[1]):
        z, r = gates[t, b, :size], gates[t, b, size : 2 * size]
        last, out = h[before, b], kept[t, b]
        for j in range(size):
            z[j], r[j] = sigmoid(z[j]), sigmoid(r[j])
            out[j] = r[j] * last[j]
            if grid is not None:
                out[j] = fake_quantized(out[j], grid)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _candidate_step(
    gates: Any, kept: Any, h: Any, y: Any, lengths: Any, t: int, before: int, after: int, grid: Any
) -> None:
    size = h.shape[2]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            h[after, b] = h[before, b]
            y[t, b] = 0
            continue
        z, new = gates[t, b, :size], gates[t, b, 2 * size :]
        last, state, out = h[before, b], h[after, b], y[t, b]
        for j in range(size):
            new[j] = tanh(new[j])
            state[j] = new[j] + z[j] * (last[j] - new[j])
        for j in range(size):
            if grid is not None:
                state[j] = fake_quantized(state[j], grid)
            out[j] = state[j]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _candidate_step_back(
    gates: Any,
    h: Any,
    dy: Any,
    dh: Any,
    dgates: Any,
    sums: Any,
    lengths: Any,
    t: int,
    before: int,
    grid: Any,
) -> None:
    size = dh.shape[1]
    rounded, below, above = sums[0], sums[1], sums[2]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            dgates[t, b] = 0
            continue
        z, new, last = gates[t, b, :size], gates[t, b, 2 * size :], h[before, b]
        dz, dnew, dout, dstate = dgates[t, b, :size], dgates[t, b, 2 * size :], dy[t, b], dh[b]
        for j in range(size):
            grad = dout[j] + dstate[j]
            if grid is not None:
                state = new[j] + z[j] * (last[j] - new[j])
                grad, e, under, over = quantizer_gradient(state, grad, grid)
                rounded[j] += e
                below[j] += under
                above[j] += over
            dstate[j] = grad * z[j]
            dz[j] = grad * (last[j] - new[j]) * z[j] * (ONE - z[j])
            dnew[j] = grad * (ONE - z[j]) * (ONE - new[j] * new[j])


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _reset_step_back(
    gates: Any,
    h: Any,
    dkept: Any,
    dh: Any,
    dgates: Any,
    sums: Any,
    lengths: Any,
    t: int,
    before: int,
    grid: Any,
) -> None:
    size = dh.shape[1]
    rounded, below, above = sums[0], sums[1], sums[2]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            continue
        r, last = gates[t, b, size : 2 * size], h[before, b]
        dr, dout, dstate = dgates[t, b, size : 2 * size], dkept[b], dh[b]
        for j in range(size):
            grad = dout[j]
            if grid is not None:
                grad, e, under, over = quantizer_gradient(r[j] * last[j], grad, grid)
                rounded[j] += e
                below[j] += under
                above[j] += over
            dstate[j] += grad * r[j]
            dr[j] = grad * last[j] * r[j] * (ONE - r[j])
