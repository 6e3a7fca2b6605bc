"""ONNX operators that are no single torch expression; emitted forward code calls them.

Arguments are named as torch names them. Lengths, axes and pads are Python integers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def arange(start: Tensor, stop: Tensor, step: Tensor) -> Tensor:
    """start + k·step for k = 0 … ceil((stop − start) / step) − 1."""
    count = max(int(torch.ceil((stop - start) / step)), 0)
    return start + torch.arange(count, device=start.device).to(start.dtype) * step


def axes(x: Tensor, given: Tensor) -> tuple[int, ...]:
    """The axes in `given`; if it is empty, all of x."""
    return tuple(int(axis) for axis in given) or tuple(range(x.dim()))


def center_crop_pad(x: Tensor, shape: Sequence[int], dims: Sequence[int] | None = None) -> Tensor:
    """x cut or zero-padded around its middle, to lengths `shape` of the axes `dims`."""
    for k, length in enumerate(shape):
        axis = k if dims is None else dims[k] % x.dim()
        more = length - x.shape[axis]
        if more < 0:
            x = x.narrow(axis, -more // 2, length)
        elif more:
            x = _padded(x, axis, more // 2, more - more // 2, "constant", 0)
    return x


def clip(x: Tensor, low: Tensor | float | None, high: Tensor | float | None) -> Tensor:
    """min(max(x, low), high)."""
    if low is not None:
        x = x.clamp(min=low)
    return x if high is None else x.clamp(max=high)


def compress(x: Tensor, condition: Tensor, dim: int | None = None) -> Tensor:
    """The slices of x along `dim` (numbers, if None) where `condition` holds; it may be shorter."""
    data, along = (x.flatten(), 0) if dim is None else (x, dim)
    return data.index_select(along, condition.nonzero().squeeze(1))


def cumprod(x: Tensor, dim: int, *, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running product; `exclusive` leaves out the number itself, `reverse` starts at the end."""
    data = x.flip(dim) if reverse else x
    if exclusive:
        data = torch.cat([torch.ones_like(data.narrow(dim, 0, 1)), data], dim)
        data = data.narrow(dim, 0, x.shape[dim])
    done = data.cumprod(dim, dtype=x.dtype)
    return done.flip(dim) if reverse else done


def cumsum(x: Tensor, dim: int, *, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running sum; `exclusive` leaves out the number itself, `reverse` starts at the end."""
    data = x.flip(dim) if reverse else x
    if exclusive:
        data = torch.cat([torch.zeros_like(data.narrow(dim, 0, 1)), data], dim)
        data = data.narrow(dim, 0, x.shape[dim])
    done = data.cumsum(dim, dtype=x.dtype)
    return done.flip(dim) if reverse else done


def depth_to_space(x: Tensor, size: int, *, column_row_depth: bool = False) -> Tensor:
    """[N, C, H, W] → [N, C/size², H·size, W·size]; depth first, or columns and rows first."""
    n, c, h, w = x.shape
    depth = c // size**2
    if column_row_depth:
        parts = x.reshape(n, depth, size, size, h, w).permute(0, 1, 4, 2, 5, 3)
    else:
        parts = x.reshape(n, size, size, depth, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, depth, h * size, w * size)


def divide(x: Tensor, y: Tensor) -> Tensor:
    """x / y; of integers, towards zero."""
    whole = not (torch.is_floating_point(x) or torch.is_complex(x))
    return torch.div(x, y, rounding_mode="trunc" if whole else None)


def expand(x: Tensor, shape: Sequence[int]) -> Tensor:
    """x broadcast with a tensor of `shape`; unlike torch's, an axis of x may be the longer one."""
    lengths = [*(1,) * (x.dim() - len(shape)), *shape]
    own = [*(1,) * (len(lengths) - x.dim()), *x.shape]
    return x.expand([a if b == 1 else b for a, b in zip(own, lengths, strict=True)])


def eye_like(x: Tensor, k: int = 0) -> Tensor:
    """Ones on diagonal `k` and zeros elsewhere, of the shape of x."""
    columns = torch.arange(x.shape[1], device=x.device)
    rows = torch.arange(x.shape[0], device=x.device)
    return (columns - rows.unsqueeze(1) == k).to(x.dtype)


def gather(x: Tensor, indices: Tensor, dim: int) -> Tensor:
    """x[…, indices[…, i, …], …] along `dim`; negative indices count from the end."""
    return x.gather(dim, _from_front(indices, x.shape[dim]))


def gather_nd(x: Tensor, indices: Tensor, batch_dims: int) -> Tensor:
    """x[b…, indices[b…, i…, :]]: the last axis of `indices` is a position in x."""
    batch = tuple(x.shape[:batch_dims])
    flat = x.reshape(-1, *x.shape[batch_dims:])
    picked = indices.reshape(flat.shape[0], -1, indices.shape[-1])
    each = torch.arange(flat.shape[0], device=x.device).unsqueeze(1)
    found = flat[(each, *picked.unbind(-1))]
    return found.reshape(*batch, *indices.shape[batch_dims:-1], *found.shape[2:])


def hardmax(x: Tensor, dim: int) -> Tensor:
    """1 at the first largest number along `dim`, 0 elsewhere."""
    return torch.zeros_like(x).scatter(dim, x.argmax(dim, keepdim=True), 1)


def last_argmax(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """Where the largest number along `dim` is: the last one of equals."""
    return x.shape[dim] - 1 - x.flip(dim).argmax(dim, keepdim)


def last_argmin(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """Where the smallest number along `dim` is: the last one of equals."""
    return x.shape[dim] - 1 - x.flip(dim).argmin(dim, keepdim)


def instance_norm(x: Tensor, scale: Tensor, bias: Tensor, eps: float) -> Tensor:
    """scale · (x − mean) / sqrt(variance + eps) + bias, of each sequence and channel."""
    dims = tuple(range(2, x.dim()))
    centred = x - x.mean(dims, keepdim=True)
    normal = centred * (centred.square().mean(dims, keepdim=True) + eps).rsqrt()
    shape = (-1, *(1,) * (x.dim() - 2))
    return normal * scale.reshape(shape) + bias.reshape(shape)


def layer_norm(x: Tensor, scale: Tensor, bias: Tensor | None, axis: int, eps: float) -> Tensor:
    """scale · (x − mean) / sqrt(variance + eps) + bias over `axis` and all behind it."""
    return layer_norm_with_statistics(x, scale, bias, axis, eps)[0]


def layer_norm_with_statistics(
    x: Tensor, scale: Tensor, bias: Tensor | None, axis: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`layer_norm`, the mean, and 1 / sqrt(variance + eps)."""
    dims = tuple(range(axis, x.dim()))
    mean = x.mean(dims, keepdim=True)
    factor = ((x - mean).square().mean(dims, keepdim=True) + eps).rsqrt()
    normal = (x - mean) * factor * scale
    return normal if bias is None else normal + bias, mean, factor


def local_response_norm(x: Tensor, size: int, alpha: float, beta: float, bias: float) -> Tensor:
    """x / (bias + alpha / size · Σ x²)^beta, the sum over `size` channels around each."""
    pads = (0, 0) * (x.dim() - 2) + ((size - 1) // 2, size // 2)
    total = F.pad(x.square(), pads).unfold(1, size, 1).sum(-1)
    return x / (bias + alpha / size * total) ** beta


def lp_normalize(x: Tensor, dim: int, p: int) -> Tensor:
    """x / (Σ |x|ᵖ)^(1/p) along `dim`; 0 where all is 0."""
    norm = x.norm(p, dim, keepdim=True)
    return torch.where(norm == 0, torch.zeros_like(x), x / norm)


def mean_variance_normalize(x: Tensor, dim: Sequence[int]) -> Tensor:
    """(x − mean) / standard deviation over the axes `dim`."""
    axes = tuple(dim)
    mean = x.mean(axes, keepdim=True)
    deviation = (x.square().mean(axes, keepdim=True) - mean.square()).sqrt()
    return (x - mean) / (deviation + 1e-9)


def one_hot(indices: Tensor, depth: int, values: Tensor, dim: int) -> Tensor:
    """values[1] at each index along a new axis `dim` of length `depth`, values[0] elsewhere."""
    axis = dim + indices.dim() + 1 if dim < 0 else dim
    whole = _from_front(indices.to(torch.int64), depth).unsqueeze(axis)
    places = torch.arange(depth, device=indices.device)
    hit = whole == places.reshape(-1, *(1,) * (indices.dim() - axis))
    return torch.where(hit, values[1], values[0])


def pad(
    x: Tensor,
    pads: Sequence[int],
    dims: Sequence[int] | None = None,
    *,
    mode: str = "constant",
    value: Tensor | float = 0,
) -> Tensor:
    """x with pads[i] more numbers before and pads[i + n] behind axis dims[i]; fewer if negative."""
    axes = range(x.dim()) if dims is None else [axis % x.dim() for axis in dims]
    for k, axis in enumerate(axes):
        low, high = pads[k], pads[k + len(axes)]
        if low or high:
            x = _padded(x, axis, low, high, mode, value)
    return x


def _padded(x: Tensor, dim: int, low: int, high: int, mode: str, value: Tensor | float) -> Tensor:
    length = x.shape[dim]
    places = torch.arange(-low, length + high, device=x.device)
    if mode == "constant":
        inside = (places >= 0) & (places < length)
        shape = [1] * x.dim()
        shape[dim] = -1
        picked = x.index_select(dim, places.clamp(0, max(length - 1, 0)))
        return torch.where(inside.reshape(shape), picked, value)
    if mode == "reflect":
        period = max(2 * (length - 1), 1)
        places = places.remainder(period)
        places = torch.where(places >= length, period - places, places)
    elif mode == "wrap":
        places = places.remainder(length)
    return x.index_select(dim, places.clamp(0, length - 1))


def product(x: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """The product over the axes `dim`."""
    axes = [dim] if isinstance(dim, int) else list(dim)
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim)
    return x


def reshape(x: Tensor, shape: Sequence[int], *, allow_zero: bool = False) -> Tensor:
    """x in another shape; a 0 in `shape` stands for the length x has there."""
    if allow_zero:
        return x.reshape(tuple(shape))
    return x.reshape([x.shape[k] if length == 0 else length for k, length in enumerate(shape)])


def reverse_sequence(x: Tensor, lengths: Tensor, time_axis: int, batch_axis: int) -> Tensor:
    """Each sequence of the batch with its first `lengths` steps in reverse order."""
    steps = torch.arange(x.shape[time_axis], device=x.device)
    turned = lengths.unsqueeze(1) - 1 - steps
    order = torch.where(turned >= 0, turned, steps)
    order = order.T if time_axis < batch_axis else order
    shape = [1] * x.dim()
    shape[time_axis], shape[batch_axis] = x.shape[time_axis], x.shape[batch_axis]
    return x.gather(time_axis, order.reshape(shape).expand_as(x))


REDUCE = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
"""ONNX's names of reductions → torch's."""


def rms_norm(x: Tensor, scale: Tensor, axis: int, eps: float) -> Tensor:
    """scale · x / sqrt(mean of squares + eps) over `axis` and all behind it."""
    dims = tuple(range(axis, x.dim()))
    return x * (x.square().mean(dims, keepdim=True) + eps).rsqrt() * scale


def scatter(x: Tensor, indices: Tensor, source: Tensor, dim: int, reduce: str = "") -> Tensor:
    """x with the numbers of `source` at `indices` along `dim`, alone or reduced with x's own."""
    places = _from_front(indices, x.shape[dim])
    if not reduce:
        return x.scatter(dim, places, source)
    return x.scatter_reduce(dim, places, source, REDUCE[reduce])


def scatter_nd(x: Tensor, indices: Tensor, source: Tensor, reduce: str = "") -> Tensor:
    """x with slices of `source` at the positions in the last axis of `indices`."""
    depth = indices.shape[-1]
    sizes = list(x.shape[:depth])
    place = torch.zeros_like(indices[..., 0])
    for k, size in enumerate(sizes):
        place = place * size + _from_front(indices[..., k], size)
    flat = x.reshape(-1, *x.shape[depth:])
    rows = source.reshape(-1, *x.shape[depth:])
    target = place.reshape(-1, *(1,) * (rows.dim() - 1)).expand_as(rows)
    return scatter(flat, target, rows, 0, reduce).reshape(x.shape)


def shrink(x: Tensor, bias: float, lambd: float) -> Tensor:
    """x − bias above lambd, x + bias below −lambd, 0 between."""
    high = torch.where(x > lambd, x - bias, torch.zeros_like(x))
    return torch.where(x < -lambd, x + bias, high)


def slices(
    x: Tensor,
    starts: Sequence[int],
    ends: Sequence[int],
    dims: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> Tensor:
    """x[starts[i] : ends[i] : steps[i]] along each axis dims[i]; steps may be negative."""
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = k if dims is None else dims[k]
        step = 1 if steps is None else steps[k]
        length = x.shape[axis]
        stop: int | None = end
        if step < 0 and end < -length:
            stop = None
        places = range(length)[start:stop:step]
        x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64, device=x.device))
    return x


def space_to_depth(x: Tensor, size: int, *, column_row_depth: bool = False) -> Tensor:
    """[N, C, H, W] → [N, C·size², H/size, W/size]: the inverse of `depth_to_space`."""
    n, c, h, w = x.shape
    order = (0, 1, 3, 5, 2, 4) if column_row_depth else (0, 3, 5, 1, 2, 4)
    parts = x.reshape(n, c, h // size, size, w // size, size).permute(order)
    return parts.reshape(n, c * size**2, h // size, w // size)


def split(x: Tensor, count: int, dim: int) -> tuple[Tensor, ...]:
    """`count` parts of equal length along `dim`, the last one shorter if need be."""
    length = -(-x.shape[dim] // count)
    rest = x.shape[dim] - length * (count - 1)
    return torch.split_with_sizes(x, [length] * (count - 1) + [rest], dim)


def take(x: Tensor, indices: Tensor, dim: int) -> Tensor:
    """x[…, indices, …] at axis `dim`, whose place is that of the indices' axes."""
    axis = dim % x.dim()
    return x[(slice(None),) * axis + (indices,)]


def top_k(x: Tensor, k: int, dim: int, *, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) numbers along `dim` and where they are; equals in their order."""
    values, indices = x.sort(dim=dim, descending=largest, stable=True)
    return values.narrow(dim, 0, k), indices.narrow(dim, 0, k)


def trilu(x: Tensor, upper: int, k: Tensor | None = None) -> Tensor:
    """The numbers on and above (below, if not `upper`) diagonal k, zeros elsewhere."""
    diagonal = 0 if k is None else int(k)
    return x.triu(diagonal) if upper else x.tril(diagonal)


def unsqueeze(x: Tensor, dims: Sequence[int]) -> Tensor:
    """x with new axes of length 1 at `dims` of the result."""
    rank = x.dim() + len(dims)
    for axis in sorted(axis % rank for axis in dims):
        x = x.unsqueeze(axis)
    return x


def _from_front(indices: Tensor, length: int) -> Tensor:
    """Indices counted from the front; those below 0 count from the end."""
    whole = indices.to(torch.int64)
    return torch.where(whole < 0, whole + length, whole)
