"""Ranges from the numbers themselves, recomputed while they change: min-max and SAWB."""

from typing import Any

import numba
import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from q4compile.quantize.ranges.sawb import COEFFICIENTS, FLATTEST, TERNARY


def sawb_clips(rows: Tensor, bits: int) -> Tensor:
    """``α = c1 · √E[x²] + c2 · E|x|`` per row of x[R, K], as `quantize.ranges.sawb` finds it."""
    mean, mean_square, largest = moments(rows)
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
    ends = torch.stack([-x.amin(), x.amax()])
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(ends, dist.ReduceOp.MAX)
    return -float(ends[0]), float(ends[1])


COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy"}
SUMMED = COMPILED | {"fastmath": {"reassoc", "contract", "nsz"}}
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
