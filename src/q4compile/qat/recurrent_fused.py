"""Recurrent layers on the CPU with a backward pass written by hand: about a float LSTM's time.

    gates = X · Wᵀ + b                    one product for all steps
    gates[t] += h · Rᵀ; h = Q(cell(…))    one product, of codes where possible, and one compiled
                                          loop per step
    dW = dgatesᵀ · X, dR, dX              one product each for all steps

One direction runs after the other, so that its R stays in the cache. The gradients of h's range
come back as the three sums of `ranges`, taken over all steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from q4compile.qat.grid import Activation, range_gradients
from q4compile.qat.recurrent_cell import Cell
from q4compile.qat.recurrent_products import Codes, products
from q4compile.qat.recurrent_walk import Grid, Walk


@dataclass(frozen=True)
class Layer:
    """What a call of a recurrent layer is, beside its tensors; `lengths` int64[B]."""

    cell: Cell
    reverse: tuple[bool, ...]
    lengths: Tensor
    hidden: Activation | None
    codes: Codes | None
    """Those of R, if it has any."""

    @property
    def grid(self) -> Grid | None:
        """h's grid at the moment."""
        if self.hidden is None:
            return None
        numbers = *self.hidden.encoding(), self.hidden.lo, self.hidden.hi
        scale, zero, lo, hi = (np.float32(number) for number in numbers)
        return scale, zero, lo, hi

    def walks(self, count: int) -> list[Walk]:
        """One per direction."""
        lengths, grid = self.lengths.numpy(), self.grid
        return [Walk(count, lengths, reverse, grid) for reverse in self.reverse]


class Fused(Function):
    """Y[T, D, B, H] and the final states [D, B, H] of a layer whose weights are quantized already.

    Every tensor is float32: x[T, B, K], w[D, G · H, K], r[D, G · H, H], bias[D, G · H], r_bias (of
    one form of GRU) likewise, the initial states [D, B, H], and scale and zero of h if they learn.
    """

    @staticmethod
    def forward(
        ctx: Any,
        layer: Layer,
        x: Tensor,
        w: Tensor,
        r: Tensor,
        bias: Tensor,
        r_bias: Tensor | None,
        scale: Tensor | None,
        zero: Tensor | None,
        *states: Tensor,
    ) -> tuple[Tensor, ...]:
        y = x.new_empty(len(w), len(x), *states[0].shape[1:])
        ctx.walks = layer.walks(len(x))
        passed = []
        for d, walk in enumerate(ctx.walks):
            gates = input_products(x, w[d], bias[d])
            own = None if r_bias is None else r_bias[d]
            start = tuple(state[d] for state in states)
            rows = products(r, layer.codes, d, walk.grid)
            passed.append(layer.cell.forward(walk, gates, rows, own, start, y[d]))
        saved = [tensor for each in passed for tensor in each.saved]
        ctx.layer, ctx.count = layer, len(passed[0].saved)
        ctx.save_for_backward(x, w, r, scale, zero, states[0], y, *saved)
        finals = zip(*(each.finals for each in passed), strict=True)
        return y.transpose(0, 1), *(torch.stack(each) for each in finals)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, *d_finals: Tensor) -> tuple[Tensor | None, ...]:
        x, w, r, scale, zero, h0, y, *saved = ctx.saved_tensors
        layer: Layer = ctx.layer
        dx = torch.zeros_like(x) if ctx.needs_input_grad[1] else None
        dw, dbias = torch.empty_like(w), w.new_empty(w.shape[:2])
        d_states = [final.clone() for final in d_finals]
        returned = []
        for d, walk in enumerate(ctx.walks):
            own = tuple(saved[d * ctx.count : (d + 1) * ctx.count])
            final = tuple(state[d] for state in d_states)
            back = layer.cell.backward(walk, own, r[d], y[d], h0[d], dy[:, d].contiguous(), final)
            input_gradients(back.gates, x, w[d], dw[d], dbias[d], dx)
            returned.append((back.r, back.r_bias, back.sums))
        d_r, d_r_bias, sums = zip(*returned, strict=True)
        return (
            *(None, dx, dw, torch.stack(d_r), dbias),
            None if d_r_bias[0] is None else torch.stack(d_r_bias),
            *_range_gradients(layer, sums, scale, zero),
            *d_states,
        )


def input_products(x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    """``X · Wᵀ + b``: float32[T, B, rows of W]."""
    return torch.addmm(bias, x.flatten(0, 1), w.t()).view(*x.shape[:2], -1)


def input_gradients(
    dgates: Tensor, x: Tensor, w: Tensor, dw: Tensor, dbias: Tensor, dx: Tensor | None
) -> None:
    """Write dW and db of one direction, and add to dX."""
    rows = dgates.flatten(0, 1)
    torch.mm(rows.t(), x.flatten(0, 1), out=dw)
    torch.sum(rows, 0, out=dbias)
    if dx is not None:
        dx.flatten(0, 1).addmm_(rows, w)


def _range_gradients(
    layer: Layer, sums: Sequence[Tensor], scale: Tensor | None, zero: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Those of h's scale and zero, from the sums of every direction."""
    hidden = layer.hidden
    if hidden is None or scale is None or zero is None:
        return None, None
    rounded, below, above = torch.stack(list(sums)).double().sum((0, 2)).to(scale.dtype)
    bounds = hidden.bounds(sums[0].shape[1])
    return range_gradients(hidden.method, bounds, scale, zero, (rounded, below, above))
