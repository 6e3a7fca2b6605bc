"""One direction of an LSTM on the CPU: a matrix product and one compiled loop per step.

Gate order is ONNX's: i, o, f, c̃. `gates` holds the pre-activations when a step begins and the
activated gates from then on: that, c and y are all that the way back needs.
"""

from typing import Any

import numba
import torch
from torch import Tensor

from q4compile.qat.recurrent_cell import Passed, Returned, recurrent_gradient
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


class LstmCell:
    """``c = f ⊙ c + i ⊙ c̃``, ``h = Q(o ⊙ tanh(c))``; a `Cell`."""

    def forward(
        self,
        walk: Walk,
        gates: Tensor,
        products: Products,
        r_bias: Tensor | None,
        states: tuple[Tensor, ...],
        y: Tensor,
    ) -> Passed:
        """Save the activated gates [T, B, 4 · H] and every c[T + 1, B, H]."""
        h, cells = states[0].clone(), walk.states(states[1])
        arrays = gates.numpy(), cells.numpy(), y.numpy(), h.numpy(), walk.lengths
        for t, before, after in walk.steps:
            products.add(gates[t], h)
            _step(*arrays, t, before, after, walk.grid)
        return Passed((h, cells[walk.end].clone()), (gates, cells))

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
        gates, cells = saved
        dh, dc = d_states
        dgates, sums = torch.empty_like(gates), dh.new_zeros(3, dh.shape[1])
        given = gates.numpy(), cells.numpy(), walk.lengths, dy.numpy()
        changed = dh.numpy(), dc.numpy(), dgates.numpy(), sums.numpy()
        for t, before, after in reversed(walk.steps):
            _step_back(*given, *changed, t, before, after, walk.grid)
            dh.addmm_(dgates[t], r)
        return Returned(dgates, recurrent_gradient(walk, dgates, y, h0), None, sums)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _step(
    gates: Any, cells: Any, y: Any, h: Any, lengths: Any, t: int, before: int, after: int, grid: Any
) -> None:
    size = h.shape[1]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            cells[after, b] = cells[before, b]
            y[t, b] = 0
            continue
        i, o = gates[t, b, :size], gates[t, b, size : 2 * size]
        f, g = gates[t, b, 2 * size : 3 * size], gates[t, b, 3 * size :]
        last, c, state, out = cells[before, b], cells[after, b], h[b], y[t, b]
        for j in range(size):
            i[j], o[j], f[j], g[j] = sigmoid(i[j]), sigmoid(o[j]), sigmoid(f[j]), tanh(g[j])
            c[j] = f[j] * last[j] + i[j] * g[j]
            state[j] = o[j] * tanh(c[j])
        if grid is not None:
            for j in range(size):
                state[j] = fake_quantized(state[j], grid)
        for j in range(size):
            out[j] = state[j]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _step_back(
    gates: Any,
    cells: Any,
    lengths: Any,
    dy: Any,
    dh: Any,
    dc: Any,
    dgates: Any,
    sums: Any,
    t: int,
    before: int,
    after: int,
    grid: Any,
) -> None:
    size = dh.shape[1]
    rounded, below, above = sums[0], sums[1], sums[2]
    for b in range(len(lengths)):
        if t >= lengths[b]:
            dgates[t, b] = 0
            continue
        i, o = gates[t, b, :size], gates[t, b, size : 2 * size]
        f, g = gates[t, b, 2 * size : 3 * size], gates[t, b, 3 * size :]
        di, do = dgates[t, b, :size], dgates[t, b, size : 2 * size]
        df, dg = dgates[t, b, 2 * size : 3 * size], dgates[t, b, 3 * size :]
        last, c, dout, dstate, dcell = cells[before, b], cells[after, b], dy[t, b], dh[b], dc[b]
        for j in range(size):
            bent = tanh(c[j])
            grad = dout[j] + dstate[j]
            dstate[j] = 0
            if grid is not None:
                grad, e, under, over = quantizer_gradient(o[j] * bent, grad, grid)
                rounded[j] += e
                below[j] += under
                above[j] += over
            do[j] = grad * bent * o[j] * (ONE - o[j])
            total = dcell[j] + grad * o[j] * (ONE - bent * bent)
            di[j] = total * g[j] * i[j] * (ONE - i[j])
            df[j] = total * last[j] * f[j] * (ONE - f[j])
            dg[j] = total * i[j] * (ONE - g[j] * g[j])
            dcell[j] = total * f[j]
