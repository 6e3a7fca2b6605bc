"""Resize as ONNX defines it, one axis after the other; emitted code calls it.

y[…, j, …] = Σᵢ A[j, i] · x[…, i, …]      A: a matrix per axis, of the two lengths and the mode
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def resize(
    x: Tensor,
    *,
    sizes: Sequence[int] = (),
    scales: Sequence[float] = (),
    axes: Sequence[int] = (),
    mode: str = "nearest",
    coordinates: str = "half_pixel",
    nearest: str = "round_prefer_floor",
    cubic_a: float = -0.75,
    exclude_outside: bool = False,
    antialias: bool = False,
    aspect: str = "stretch",
) -> Tensor:
    """x at other lengths of `axes` (all, if empty): `sizes`, or the old ones times `scales`.

    Args:
        coordinates: half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners or
            asymmetric.
        nearest: how a coordinate is rounded: round_prefer_floor, round_prefer_ceil, floor, ceil.
        cubic_a: the coefficient of the cubic kernel.
        exclude_outside: weights beyond the border are left out instead of moved onto it.
        aspect: stretch, not_larger or not_smaller: keep the aspect ratio within or beyond `sizes`.
    """
    dims = [axis % x.dim() for axis in axes] or list(range(x.dim()))
    old = [x.shape[axis] for axis in dims]
    factors = list(scales) or [new / length for new, length in zip(sizes, old, strict=True)]
    new = list(sizes) or [int(s * length) for s, length in zip(factors, old, strict=True)]
    if sizes and aspect != "stretch":
        factor = min(factors) if aspect == "not_larger" else max(factors)
        factors = [factor] * len(dims)
        new = [int(factor * length + 0.5) for length in old]
    for axis, length, factor in zip(dims, new, factors, strict=True):
        if length == x.shape[axis] and factor == 1:
            continue
        at = _coordinates(x.shape[axis], length, factor, coordinates)
        if mode == "nearest":
            x = x.index_select(axis, _nearest(at, x.shape[axis], nearest).to(x.device))
            continue
        narrow = min(factor, 1.0) if antialias else 1.0
        a = cubic_a if mode == "cubic" else None
        matrix = _matrix(at, x.shape[axis], narrow, a, exclude_outside)
        x = (x.movedim(axis, -1) @ matrix.T.to(x)).movedim(-1, axis)
    return x


def _coordinates(length: int, new: int, factor: float, mode: str) -> Tensor:
    """Where in x each number of the result lies, float64[new]."""
    at = torch.arange(new, dtype=torch.float64)
    exact = factor * length
    if mode == "align_corners":
        return at * (length - 1) / (exact - 1) if exact != 1 else at * 0
    if mode == "asymmetric":
        return at / factor
    if mode == "pytorch_half_pixel" and exact == 1:
        return at * 0 - 0.5
    shift = length / 2 * (1 - new / exact) if mode == "half_pixel_symmetric" else 0.0
    return shift + (at + 0.5) / factor - 0.5


def _nearest(at: Tensor, length: int, mode: str) -> Tensor:
    rounded = {
        "ceil": torch.ceil(at),
        "floor": torch.floor(at),
        "round_prefer_ceil": torch.floor(at + 0.5),
        "round_prefer_floor": torch.ceil(at - 0.5),
    }[mode]
    return rounded.to(torch.int64).clamp(0, length - 1)


def _matrix(at: Tensor, length: int, narrow: float, cubic_a: float | None, exclude: bool) -> Tensor:
    """The weights float64[new, length] of linear, or with `cubic_a` of cubic, interpolation."""
    reach = (1 if cubic_a is None else 2) / narrow
    first = int(-reach // 1) + 1
    offsets = torch.arange(first, 2 - first)
    base = torch.floor(at)
    distance = ((offsets - (at - base).unsqueeze(1)) * narrow).abs()
    weights = (1 - distance).clamp(0) if cubic_a is None else _cubic(distance, cubic_a)
    places = base.to(torch.int64).unsqueeze(1) + offsets
    if exclude:
        weights = weights * ((places >= 0) & (places < length))
    weights = weights / weights.sum(1, keepdim=True)
    matrix = torch.zeros(len(at), length, dtype=torch.float64)
    return matrix.scatter_add(1, places.clamp(0, length - 1), weights)


def _cubic(x: Tensor, a: float) -> Tensor:
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
