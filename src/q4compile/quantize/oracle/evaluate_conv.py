"""A convolution over one or two axes: every window times every channel."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.decisions import Linear, Product
from q4compile.quantize.oracle.evaluate_products import scaled_sums
from q4compile.quantize.oracle.rounding import Int64, exact_product


def convolved(node: Node, decided: Linear, x: Int64, taps: tuple[int, ...]) -> Int64:
    """Codes [B, M, T', …] of codes [B, C, T, …]; around x lies the code of 0."""
    product, groups = decided.product, node.attributes.get("group", 1)
    windows = _windows(node, x, taps, product.operand.zero_point)
    sums = [
        exact_product(windows[..., part, :].reshape(*windows.shape[:-2], -1), codes)
        for part, codes in zip(_parts(x.shape[1], groups), _groups(product, groups), strict=True)
    ]
    made = scaled_sums(decided, product.bias + np.concatenate(sums, axis=-1))
    return np.moveaxis(made, -1, 1)


def _windows(node: Node, x: Int64, taps: tuple[int, ...], zero: int) -> Int64:
    """[B, T', …, C, taps]."""
    ones = (1,) * len(taps)
    strides, dilations = (node.attributes.get(each, ones) for each in ("strides", "dilations"))
    pads = node.attributes.get("pads", (0,) * (2 * len(taps)))
    around = zip(pads[: len(taps)], pads[len(taps) :], strict=True)
    padded = np.pad(x, ((0, 0), (0, 0), *around), constant_values=zero)
    reaches = tuple((k - 1) * d + 1 for k, d in zip(taps, dilations, strict=True))
    axes = tuple(range(2, 2 + len(taps)))
    every = sliding_window_view(padded, reaches, axes)
    steps = [slice(None, None, each) for each in (*strides, *dilations)]
    found = every[:, :, *steps]
    return np.moveaxis(found, 1, -1 - len(taps)).reshape(
        x.shape[0], *found.shape[2 : 2 + len(taps)], x.shape[1], -1
    )


def _parts(channels: int, groups: int) -> list[slice]:
    size = channels // groups
    return [slice(g * size, (g + 1) * size) for g in range(groups)]


def _groups(product: Product, groups: int) -> list[Int64]:
    """The rows of W of each group."""
    return list(np.split(product.codes, groups))
