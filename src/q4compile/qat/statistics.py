"""Ranges from the numbers themselves, recomputed while they change: min-max and SAWB."""

import torch
import torch.distributed as dist
from torch import Tensor

from q4compile.quantize.ranges.sawb import COEFFICIENTS, FLATTEST, TERNARY


def sawb_clips(rows: Tensor, bits: int) -> Tensor:
    """``α = c1 · √E[x²] + c2 · E|x|`` per row of x[R, K], as `quantize.ranges.sawb` finds it."""
    magnitude = rows.abs()
    mean, largest = magnitude.mean(1), magnitude.amax(1)
    rms = rows.square().mean(1).sqrt()
    c1, c2 = COEFFICIENTS[bits]
    clips = torch.minimum(c1 * rms + c2 * mean, largest)
    flat = (rms <= FLATTEST * mean) & (bits > TERNARY)
    return torch.where(flat, largest, clips)


def minmax_clips(rows: Tensor, bits: int) -> Tensor:
    """``max |x|`` per row of x[R, K]."""
    return rows.abs().amax(1)


def extremes(x: Tensor) -> tuple[float, float]:
    """The least and the greatest number, over all processes that train together."""
    ends = torch.stack([-x.amin(), x.amax()])
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(ends, dist.ReduceOp.MAX)
    return -float(ends[0]), float(ends[1])
