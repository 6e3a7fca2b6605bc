"""A convolution over time: every window times every channel."""

import numpy as np

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.decisions import Linear, Product
from q4compile.quantize.oracle.evaluate_products import scaled_sums
from q4compile.quantize.oracle.rounding import Int64, exact_product


def convolved(node: Node, decided: Linear, x: Int64) -> Int64:
    """Codes [B, M, T'] of codes [B, C, T]; around x lies the code of 0."""
    product, groups = decided.product, node.attributes.get("group", 1)
    inside = x.shape[1] // groups
    taps = product.codes.shape[1] // inside
    windows = _windows(node, x, taps, product.operand.zero_point)
    sums = [
        exact_product(windows[:, :, part].reshape(*windows.shape[:2], -1), codes)
        for part, codes in zip(_parts(x.shape[1], groups), _groups(product, groups), strict=True)
    ]
    made = scaled_sums(decided, product.bias + np.concatenate(sums, axis=-1))
    return made.transpose(0, 2, 1)


def _windows(node: Node, x: Int64, taps: int, zero: int) -> Int64:
    """[B, T', C, taps]."""
    (stride,), (dilation,) = (node.attributes.get(each, (1,)) for each in ("strides", "dilations"))
    padded = np.pad(x, ((0, 0), (0, 0), node.attributes.get("pads", (0, 0))), constant_values=zero)
    reach = (taps - 1) * dilation + 1
    starts = range(0, padded.shape[2] - reach + 1, stride)
    frames = [padded[:, :, start : start + reach : dilation] for start in starts]
    return np.stack(frames, axis=1)


def _parts(channels: int, groups: int) -> list[slice]:
    size = channels // groups
    return [slice(g * size, (g + 1) * size) for g in range(groups)]


def _groups(product: Product, groups: int) -> list[Int64]:
    """The rows of W of each group."""
    return list(np.split(product.codes, groups))
