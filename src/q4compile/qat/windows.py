"""Convolutions and pools with every attribute that ONNX gives them; emitted code calls them.

Pads are ONNX's: those before every spatial axis, then those behind. `auto_pad` is NOTSET, VALID,
SAME_UPPER or SAME_LOWER.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Ints = Sequence[int]


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    strides: Ints = (),
    pads: Ints = (),
    dilations: Ints = (),
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """Y = W ∗ X + B with W [M, C/group, …]; 1 to 3 spatial axes."""
    kernel = weight.shape[2:]
    n = len(kernel)
    steps, holes = tuple(strides) or (1,) * n, tuple(dilations) or (1,) * n
    padded = _pad(x, _pads(x.shape[2:], kernel, steps, holes, pads, auto_pad), 0.0)
    function = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    return function(padded, weight, bias, steps, 0, holes, group)


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    strides: Ints = (),
    pads: Ints = (),
    dilations: Ints = (),
    output_padding: Ints = (),
    output_shape: Ints = (),
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """The transpose of `conv`, W [C, M/group, …]; cropped by pads or to `output_shape`."""
    kernel = weight.shape[2:]
    n = len(kernel)
    steps, holes = tuple(strides) or (1,) * n, tuple(dilations) or (1,) * n
    more = tuple(output_padding) or (0,) * n
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
    whole = function(x, weight, bias, steps, 0, 0, group, holes)
    before, length = [0] * n, [0] * n
    for k in range(n):
        reach = (kernel[k] - 1) * holes[k] + 1
        full = (x.shape[2 + k] - 1) * steps[k] + reach + more[k]
        if output_shape or auto_pad.startswith("SAME"):
            length[k] = output_shape[k] if output_shape else x.shape[2 + k] * steps[k]
            crop = max(full - length[k], 0)
            before[k] = (crop + 1) // 2 if auto_pad == "SAME_LOWER" else crop // 2
        else:
            low, high = (pads[k], pads[k + n]) if pads else (0, 0)
            before[k], length[k] = low, full - low - high
    behind = [before[k] + length[k] - whole.shape[2 + k] for k in range(n)]
    return _pad(whole, [*(-each for each in before), *behind], 0.0, bias)


def max_pool(
    x: Tensor,
    kernel: Ints,
    *,
    strides: Ints = (),
    pads: Ints = (),
    dilations: Ints = (),
    auto_pad: str = "NOTSET",
    ceil_mode: bool = False,
) -> Tensor:
    """The largest number of each window."""
    steps, holes = _defaults(kernel, strides, dilations)
    found = _pads(x.shape[2:], kernel, steps, holes, pads, auto_pad, ceil_mode)
    lowest = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    return _windows(_pad(x, found, lowest), kernel, steps, holes).amax(-1)


def max_pool_with_indices(
    x: Tensor,
    kernel: Ints,
    *,
    strides: Ints = (),
    pads: Ints = (),
    dilations: Ints = (),
    auto_pad: str = "NOTSET",
    ceil_mode: bool = False,
    column_major: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool`, and where in x flattened each number stood."""
    steps, holes = _defaults(kernel, strides, dilations)
    found = _pads(x.shape[2:], kernel, steps, holes, pads, auto_pad, ceil_mode)
    spatial = x.shape[2:]
    planes = torch.arange(x.shape[0] * x.shape[1], device=x.device)
    within = torch.arange(math.prod(spatial), device=x.device)
    if column_major:
        turned = within.reshape(tuple(reversed(spatial)))
        within = turned.permute(*reversed(range(len(spatial)))).reshape(-1)
    places = (planes.unsqueeze(1) * math.prod(spatial) + within).reshape(x.shape)
    lowest = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    values, which = _windows(_pad(x, found, lowest), kernel, steps, holes).max(-1)
    where = _windows(_pad(places, found, 0), kernel, steps, holes)
    return values, where.gather(-1, which.unsqueeze(-1)).squeeze(-1)


def average_pool(
    x: Tensor,
    kernel: Ints,
    *,
    strides: Ints = (),
    pads: Ints = (),
    dilations: Ints = (),
    auto_pad: str = "NOTSET",
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Tensor:
    """The mean of each window, over its numbers of x or (`count_include_pad`) those of pads too."""
    steps, holes = _defaults(kernel, strides, dilations)
    asked = _pads(x.shape[2:], kernel, steps, holes, pads, auto_pad)
    found = _pads(x.shape[2:], kernel, steps, holes, pads, auto_pad, ceil_mode)
    ones = torch.ones_like(x[:1, :1])
    if count_include_pad:
        beyond = [a - b for a, b in zip(found, asked, strict=True)]
        counted = _pad(_pad(ones, asked, 1.0), beyond, 0.0)
    else:
        counted = _pad(ones, found, 0.0)
    total = _windows(_pad(x, found, 0.0), kernel, steps, holes).sum(-1)
    return total / _windows(counted, kernel, steps, holes).sum(-1)


def lp_pool(
    x: Tensor,
    kernel: Ints,
    *,
    p: int = 2,
    strides: Ints = (),
    pads: Ints = (),
    dilations: Ints = (),
    auto_pad: str = "NOTSET",
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) of each window."""
    steps, holes = _defaults(kernel, strides, dilations)
    found = _pads(x.shape[2:], kernel, steps, holes, pads, auto_pad, ceil_mode)
    return _windows(_pad(x, found, 0.0), kernel, steps, holes).abs().pow(p).sum(-1).pow(1 / p)


def _defaults(kernel: Ints, strides: Ints, dilations: Ints) -> tuple[Ints, Ints]:
    ones = (1,) * len(kernel)
    return tuple(strides) or ones, tuple(dilations) or ones


def _windows(x: Tensor, kernel: Ints, steps: Ints, holes: Ints) -> Tensor:
    """[N, C, windows…, numbers of the window]."""
    for k, (size, step, hole) in enumerate(zip(kernel, steps, holes, strict=True)):
        x = x.unfold(2 + k, (size - 1) * hole + 1, step)[..., ::hole]
    return x.flatten(-len(kernel))


def _pads(
    lengths: Ints,
    kernel: Ints,
    steps: Ints,
    holes: Ints,
    pads: Ints,
    auto_pad: str,
    ceil_mode: bool = False,
) -> list[int]:
    """Pads before and behind every axis, so that whole windows fill the axis exactly."""
    n = len(kernel)
    low, high = [0] * n, [0] * n
    for k in range(n):
        reach = (kernel[k] - 1) * holes[k] + 1
        if auto_pad.startswith("SAME"):
            count = -(-lengths[k] // steps[k])
            total = max((count - 1) * steps[k] + reach - lengths[k], 0)
            low[k] = (total + 1) // 2 if auto_pad == "SAME_LOWER" else total // 2
            high[k] = total - low[k]
            continue
        low[k], high[k] = (pads[k], pads[k + n]) if pads else (0, 0)
        if ceil_mode:
            room = lengths[k] + low[k] + high[k] - reach
            count = -(-room // steps[k]) + 1
            if (count - 1) * steps[k] >= lengths[k] + low[k]:
                count -= 1  # a window that would begin in the padding behind
            high[k] += max((count - 1) * steps[k] - room, 0)
    return [*low, *high]


def _pad(x: Tensor, pads: Ints, value: float, bias: Tensor | None = None) -> Tensor:
    """x with pads of `value` (of each channel's bias); cropped where they are negative."""
    if not any(pads):
        return x
    n = len(pads) // 2
    pairs = [each for k in reversed(range(n)) for each in (pads[k], pads[k + n])]
    if bias is None:
        return F.pad(x, pairs, value=value)
    column = bias.reshape(-1, *(1,) * n)
    return F.pad(x - column, pairs) + column
