"""``y = s · (clip(rne(x / s) + Z, lo, hi) − Z)`` with straight-through gradients, in one pass.

dL/dx = g inside the range and 0 outside; what s and z get is the method's (see ranges).
"""

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from q4compile.qat.ranges import Bounds, Range, range_gradients, zero_code

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
        ctx.bounds, ctx.method, ctx.clip = bounds, method, clip
        if clip or method.learned:
            ctx.save_for_backward(x, scale, zero)
        if _compiled(x):
            y = torch.empty_like(x, memory_format=torch.contiguous_format)
            if scale.ndim == 0:
                _quantize(*_flat(x, y), *_grid(scale, zero, bounds))
            else:
                _quantize_rows(*_arrays(x, y), *_grids(scale, zero, bounds))
            return y
        return rounded(x, scale, zero, bounds)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        if not ctx.saved_tensors:
            return dy, None, None, None, None, None
        x, scale, zero = ctx.saved_tensors
        learned = ctx.method.learned and (ctx.needs_input_grad[1] or ctx.needs_input_grad[2])
        if _compiled(x) and dy.dtype == torch.float32:
            dx, sums = _compiled_gradients(x, dy, scale, zero, ctx.bounds)
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
    """(y, the codes before the clip, their rounding errors), each of the shape of x."""
    code = zero_code(zero, bounds)
    scale, code = (each if each.ndim == 0 else each[:, None] for each in (scale, code))
    exact = x / scale
    nearest = torch.round(exact)
    codes = nearest + code
    return (codes.clamp(bounds.lo, bounds.hi) - code) * scale, codes, nearest - exact


def _eager_gradients(
    x: Tensor, dy: Tensor, scale: Tensor, zero: Tensor, bounds: Bounds
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """dL/dx and the sums E, B, A: any device and number type."""
    _, codes, errors = rounded(x, scale, zero, bounds)
    below, above = codes < bounds.lo, codes > bounds.hi
    outside = below | above
    dx = dy.masked_fill(outside, 0)
    axes = tuple(range(scale.ndim, x.ndim))
    # Masked, not multiplied by 0: an infinite x saturates, and ∞ · 0 is no number.
    parts = (
        dx * errors.masked_fill(outside, 0),
        dy.masked_fill(~below, 0),
        dy.masked_fill(~above, 0),
    )
    total = torch.float64 if x.device.type == "cpu" else torch.promote_types(x.dtype, torch.float32)
    sums = [part.sum(axes, dtype=total).to(scale.dtype) for part in parts]
    return dx, (sums[0], sums[1], sums[2])


def _compiled_gradients(
    x: Tensor, dy: Tensor, scale: Tensor, zero: Tensor, bounds: Bounds
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """As `_eager_gradients`, in one pass over float32 on the CPU."""
    dx = torch.empty_like(x, memory_format=torch.contiguous_format)
    sums = scale.new_empty(3, *scale.shape)
    if scale.ndim == 0:
        sums.copy_(sums.new_tensor(_gradients(*_flat(x, dy, dx), *_grid(scale, zero, bounds))))
    else:
        _row_gradients(*_arrays(x, dy, dx), *_grids(scale, zero, bounds), sums.numpy())
    return dx, (sums[0], sums[1], sums[2])


def _compiled(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def _flat(*tensors: Tensor) -> list[Any]:
    return [array.reshape(-1) for array in _arrays(*tensors)]


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _grid(scale: Tensor, zero: Tensor, bounds: Bounds) -> tuple[np.float32, ...]:
    numbers = scale.item(), zero_code(zero, bounds).item(), bounds.lo, bounds.hi
    return tuple(np.float32(number) for number in numbers)


def _grids(scale: Tensor, zero: Tensor, bounds: Bounds) -> tuple[Any, ...]:
    return *_arrays(scale, zero_code(zero, bounds)), np.float32(bounds.lo), np.float32(bounds.hi)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _quantize(x: Any, y: Any, scale: Any, zero: Any, lo: Any, hi: Any) -> None:
    for i in range(len(x)):
        code = np.rint(x[i] / scale) + zero
        code = lo if code < lo else (hi if code > hi else code)
        y[i] = (code - zero) * scale


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _quantize_rows(x: Any, y: Any, scales: Any, zeros: Any, lo: Any, hi: Any) -> None:
    for row in range(len(x)):
        _quantize(x[row], y[row], scales[row], zeros[row], lo, hi)


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
            below = code + zero < lo
            above = code + zero > hi
            outside = below | above
            inside = nothing if outside else g
            error = nothing if outside else code - exact
            dx[i] = inside
            eb += inside * error
            bb += g if below else nothing
            ab += g if above else nothing
        e += eb
        b += bb
        a += ab
    return e, b, a


@numba.njit(**SUMMED)  # type: ignore[untyped-decorator]
def _row_gradients(
    x: Any, dy: Any, dx: Any, scales: Any, zeros: Any, lo: Any, hi: Any, sums: Any
) -> None:
    for row in range(len(x)):
        found = _gradients(x[row], dy[row], dx[row], scales[row], zeros[row], lo, hi)
        sums[0, row], sums[1, row], sums[2, row] = found
