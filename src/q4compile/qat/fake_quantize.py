"""``y = s · (clip(rne(x / s) + Z, lo, hi) − Z)`` with straight-through gradients, in one pass.

dL/dx = g inside the range and 0 outside; what s and z get is the method's (see ranges).
"""

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from q4compile.qat.ranges import Bounds, Range, range_gradients

COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy"}
SUMMED = COMPILED | {"fastmath": {"reassoc", "contract", "nsz"}}
"""Sums may be taken in any order; divisions stay exact, so that codes are those of the forward."""


class FakeQuantize(Function):
    """One scale for all of x, or one per row of x[R, K]."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, zero: Tensor, bounds: Bounds, method: Range, clip: bool
    ) -> Tensor:
        """`clip`: whether x outside the range has no gradient."""
        ctx.save_for_backward(x, scale, zero)
        ctx.bounds, ctx.method, ctx.clip = bounds, method, clip
        if scale.ndim == 0 and _compiled(x):
            y = torch.empty_like(x, memory_format=torch.contiguous_format)
            _quantize(*_flat(x, y), *_grid(scale, zero, bounds))
            return y
        return rounded(x, scale, zero, bounds)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, zero = ctx.saved_tensors
        learned = ctx.method.learned and (ctx.needs_input_grad[1] or ctx.needs_input_grad[2])
        if not ctx.clip and not learned:
            return dy, None, None, None, None, None
        if scale.ndim == 0 and _compiled(x) and dy.dtype == torch.float32:
            dx = torch.empty_like(x, memory_format=torch.contiguous_format)
            dy = dy.contiguous()
            found = _gradients(*_flat(x, dy, dx), *_grid(scale, zero, ctx.bounds))
            sums = (
                scale.new_tensor(found[0]),
                scale.new_tensor(found[1]),
                scale.new_tensor(found[2]),
            )
        else:
            dx, sums = _eager_gradients(x, dy, scale, zero, ctx.bounds)
        if not learned:
            return dx, None, None, None, None, None
        grads = range_gradients(ctx.method, ctx.bounds, scale, zero, sums)
        d_zero = grads[1] if ctx.needs_input_grad[2] else None
        return dx if ctx.clip else dy, grads[0], d_zero, None, None, None


def rounded(
    x: Tensor, scale: Tensor, zero: Tensor, bounds: Bounds
) -> tuple[Tensor, Tensor, Tensor]:
    """(y, the codes before the clip, x in codes), each of the shape of x."""
    scale, code = (each if each.ndim == 0 else each[:, None] for each in (scale, torch.round(zero)))
    exact = x / scale
    codes = torch.round(exact) + code
    return (codes.clamp(bounds.lo, bounds.hi) - code) * scale, codes, exact + code


def _eager_gradients(
    x: Tensor, dy: Tensor, scale: Tensor, zero: Tensor, bounds: Bounds
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """dL/dx and the sums E, B, A: any device and number type."""
    _, codes, exact = rounded(x, scale, zero, bounds)
    below, above = codes < bounds.lo, codes > bounds.hi
    dx = dy.masked_fill(below | above, 0)
    axes = tuple(range(scale.ndim, x.ndim))
    parts = dx * (codes - exact), dy * below, dy * above
    total = torch.float64 if x.dtype != torch.float64 and x.device.type == "cpu" else x.dtype
    sums = [part.sum(axes, dtype=total).to(scale.dtype) for part in parts]
    return dx, (sums[0], sums[1], sums[2])


def _compiled(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def _flat(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().view(-1).numpy() for tensor in tensors]


def _grid(scale: Tensor, zero: Tensor, bounds: Bounds) -> tuple[np.float32, ...]:
    numbers = scale.item(), torch.round(zero).item(), bounds.lo, bounds.hi
    return tuple(np.float32(number) for number in numbers)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _quantize(x: Any, y: Any, scale: Any, zero: Any, lo: Any, hi: Any) -> None:
    for i in range(len(x)):
        code = np.rint(x[i] / scale) + zero
        code = lo if code < lo else (hi if code > hi else code)
        y[i] = (code - zero) * scale


@numba.njit(**SUMMED)  # type: ignore[untyped-decorator]
def _gradients(
    x: Any, dy: Any, dx: Any, scale: Any, zero: Any, lo: Any, hi: Any
) -> tuple[float, float, float]:
    """Write dL/dx; return E, B, A, summed in blocks so that float32 adds keep their bits."""
    nothing = np.float32(0)
    e: Any = 0.0
    b: Any = 0.0
    a: Any = 0.0
    for start in range(0, len(x), 1024):
        eb: Any = nothing
        bb: Any = nothing
        ab: Any = nothing
        for i in range(start, min(start + 1024, len(x))):
            exact = x[i] / scale
            code = np.rint(exact)
            g = dy[i]
            below = g if code + zero < lo else nothing
            above = g if code + zero > hi else nothing
            inside = g - below - above
            dx[i] = inside
            eb += inside * (code - exact)
            bb += below
            ab += above
        e += eb
        b += bb
        a += ab
    return e, b, a
