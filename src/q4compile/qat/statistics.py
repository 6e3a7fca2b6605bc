"""Ranges from the numbers themselves, recomputed while they change: min-max and SAWB."""

from math import inf
from typing import Any

import numba
import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from q4compile.qat.fake_quantize import COMPILED, SUMMED
from q4compile.quantize.ranges.sawb import COEFFICIENTS, FLATTEST, TERNARY


def sawb_clips(rows: Tensor, bits: int) -> Tensor:
    """``α = c1 · √E[x²] + c2 · E|x|`` per row of x[R, K], as `quantize.ranges.sawb` finds it."""
    return _sawb(*moments(rows), bits)


def _sawb(mean: Tensor, mean_square: Tensor, largest: Tensor, bits: int) -> Tensor:
    rms = mean_square.sqrt()
    c1, c2 = COEFFICIENTS[bits]
    clips = torch.minimum(c1 * rms + c2 * mean, largest)
    flat = (rms <= FLATTEST * mean) & (bits > TERNARY)
    return torch.where(flat, largest, clips)


def moments(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """E|x|, E[x²] and max |x| of each row of x[R, K]."""
    if rows.device.type != "cpu" or rows.dtype != torch.float32:
        magnitude = rows.abs()
        return magnitude.mean(1), rows.square().mean(1), magnitude.amax(1)
    found = rows.new_empty(3, len(rows))
    _moments(rows.detach().contiguous().numpy(), *found.numpy())
    return found[0], found[1], found[2]


def minmax_clips(rows: Tensor, bits: int) -> Tensor:
    """``max |x|`` per row of x[R, K]."""
    return rows.abs().amax(1)


def extremes(x: Tensor) -> tuple[float, float]:
    """The least and the greatest number, over all processes that train together."""
    ends = torch.stack([-x.amin(), x.amax()]) if x.numel() else x.new_full((2,), -inf)
    low, high = _reduced(ends, "MAX").tolist()
    return -low, high


def sawb_extremes(x: Tensor, bits: int) -> tuple[float, float]:
    """``(−α, α)`` of all numbers, over all processes that train together; NaN if there are none."""
    count = x.numel()
    mean, mean_square, largest = moments(x.reshape(1, -1)) if count else x.new_zeros(3, 1)
    sums = torch.cat([mean * count, mean_square * count, mean.new_tensor([count])])
    total, squares, counted = _reduced(sums, "SUM")
    clip = _sawb(total / counted, squares / counted, _reduced(largest, "MAX"), bits)
    return -float(clip), float(clip)


def _reduced(tensor: Tensor, operation: str) -> Tensor:
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(tensor, getattr(dist.ReduceOp, operation))
    return tensor


GREATEST = COMPILED | {"fastmath": {"reassoc", "nnan", "nsz"}}
"""The greatest number may miss a NaN; the means beside it do not."""


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _moments(rows: Any, mean: Any, mean_square: Any, largest: Any) -> None:
    """Block by block, so that float32 sums keep their bits."""
    count = rows.shape[1]
    for r in range(len(rows)):
        total, squares, most = 0.0, 0.0, np.float32(0)
        for start in range(0, count, 1024):
            block = rows[r, start : start + 1024]
            added, squared = _sums(block)
            total += added
            squares += squared
            most = max(most, _greatest(block))
        mean[r], mean_square[r], largest[r] = total / count, squares / count, most


@numba.njit(**SUMMED)  # type: ignore[untyped-decorator]
def _sums(block: Any) -> tuple[Any, Any]:
    total = np.float32(0)
    squares = np.float32(0)
    for k in range(len(block)):
        total += abs(block[k])
        squares += block[k] * block[k]
    return total, squares


@numba.njit(**GREATEST)  # type: ignore[untyped-decorator]
def _greatest(block: Any) -> Any:
    most = np.float32(0)
    for k in range(len(block)):
        magnitude = abs(block[k])
        most = magnitude if magnitude > most else most
    return most
