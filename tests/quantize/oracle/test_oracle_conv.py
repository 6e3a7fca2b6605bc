"""Convolutions in the oracle against sums written out in Python integers."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from small_networks import grid, network, node, rows

from q4compile.errors import ModelError
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide
from q4compile.quantize.oracle.tensor import Fixed

X = grid(0.25, -3, "int8")


def conv(codes, bias=None, grids=None, reads="", **attributes):
    """``y = Conv(x on a grid)``, W with one scale per output channel."""
    scales = [2.0**-k for k in range(3, 3 + len(codes))]
    constants = {"W": rows(codes, scales, (0,))}
    inputs = ["x@x", "W"]
    if bias is not None:
        constants["b"] = np.asarray(bias, np.float32)
        inputs.append("b")
    nodes = [node("Conv", inputs, ["y"], attributes=attributes)]
    if reads:
        nodes.append(node("Identity", [f"y@{reads}"], ["z"]))
    output = "z" if reads else "y"
    return network(nodes, ["x"], [output], constants, {"x": X} | (grids or {}))


def by_hand(codes, bias, x, stride, dilation, pads, groups):
    """[B, M, T'] of exact rationals."""
    w = [
        [[Fraction(int(q), 2 ** (3 + m)) for q in row] for row in each]
        for m, each in enumerate(codes)
    ]
    batch, channels, frames = x.shape
    inside, taps = channels // groups, len(w[0][0])
    count = (frames + sum(pads) - (taps - 1) * dilation - 1) // stride + 1
    made = np.zeros((batch, len(w), count), object)
    for b, m, t in product(range(batch), range(len(w)), range(count)):
        total = Fraction(float(bias[m]))
        for c, k in product(range(inside), range(taps)):
            at = stride * t - pads[0] + dilation * k
            if 0 <= at < frames:
                channel = m // (len(w) // groups) * inside + c
                total += w[m][c][k] * (int(x[b, channel, at]) + 3) / 4
        made[b, m, t] = total
    return made


CASES = [
    (1, 1, (0, 0), 1),
    (1, 1, (1, 1), 1),
    (2, 1, (2, 0), 1),
    (3, 2, (1, 2), 1),
    (1, 1, (1, 1), 2),
    (2, 2, (0, 0), 4),
]


@pytest.mark.parametrize(("stride", "dilation", "pads", "groups"), CASES)
def test_sums_by_hand(stride, dilation, pads, groups):
    random = np.random.default_rng(stride)
    codes = random.integers(-7, 8, (4, 4 // groups, 3))
    bias = random.integers(-8, 9, 4) / 8
    x = random.integers(-128, 128, (2, 4, 9))
    given = {"strides": (stride,), "dilations": (dilation,), "pads": pads, "group": groups}
    made = conv(codes, bias, **given)
    found = interpret(made, {"x": (x + 3) * 0.25})["y"]
    assert isinstance(found.representation, Fixed)
    exact = by_hand(codes, bias, x, stride, dilation, pads, groups)
    f = found.representation.f
    wanted = [round(each * Fraction(2) ** f) for each in exact.reshape(-1)]
    assert found.codes.reshape(-1).tolist() == wanted


SPACES = [
    ((1, 1), (1, 1), (0, 0, 0, 0), 1),
    ((2, 1), (1, 1), (1, 0, 1, 2), 1),
    ((1, 3), (2, 1), (2, 1, 0, 1), 2),
    ((2, 2), (1, 2), (0, 2, 1, 2), 4),
]


@pytest.mark.parametrize(("strides", "dilations", "pads", "groups"), SPACES)
def test_sums_over_two_axes_by_hand(strides, dilations, pads, groups):
    random = np.random.default_rng(strides)
    codes = random.integers(-7, 8, (4, 4 // groups, 2, 3))
    x = random.integers(-128, 128, (2, 4, 6, 7))
    given = {"strides": strides, "dilations": dilations, "pads": pads, "group": groups}
    found = interpret(conv(codes, **given), {"x": (x + 3) * 0.25})["y"]
    counts = [
        (n + pads[k] + pads[k + 2] - (codes.shape[2 + k] - 1) * dilations[k] - 1) // strides[k] + 1
        for k, n in enumerate(x.shape[2:])
    ]
    assert found.codes.shape == (2, 4, *counts)
    for b, m, t, f in product(range(2), range(4), *map(range, counts)):
        total = Fraction(0)
        for c, k, j in product(range(codes.shape[1]), range(2), range(3)):
            at = (strides[0] * t - pads[0] + dilations[0] * k,)
            at += (strides[1] * f - pads[1] + dilations[1] * j,)
            if 0 <= at[0] < 6 and 0 <= at[1] < 7:
                channel = m // (4 // groups) * codes.shape[1] + c
                weight = Fraction(int(codes[m, c, k, j]), 2 ** (3 + m))
                total += weight * (int(x[b, channel, *at]) + 3) / 4
        wanted = round(total * Fraction(2) ** found.representation.f)
        assert found.codes[b, m, t, f] == wanted


def test_what_reads_it_on_a_grid_gets_codes():
    made = conv([[[3, -1]], [[0, 7]]], [0.5, -0.5], {"g": grid(0.5, 1)}, "g", group=1)
    assert decide(made).values["y"].representation == decide(made).values["z"].representation


def test_what_is_no_convolution_over_time():
    for attributes in ({"pads": (2, 0)}, {"pads": (-1, 0)}, {"auto_pad": "SAME_UPPER"}):
        with pytest.raises(ModelError, match="Q141"):
            decide(conv([[[1, 2]]], **attributes))
    for codes in ([[1, 2]], [[[[[1, 2]]]]]):
        with pytest.raises(ModelError, match="Q141"):
            decide(conv(codes))
    for attributes in ({"pads": (0, -1, 0, 0)}, {"auto_pad": "VALID"}):
        with pytest.raises(ModelError, match="Q141"):
            decide(conv([[[[1, 2]]]], **attributes))
    with pytest.raises(ModelError, match="Q143"):
        decide(conv([[[1, 2]]], [0.5, 0.5]))
