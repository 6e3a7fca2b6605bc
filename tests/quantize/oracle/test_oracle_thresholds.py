"""Requantizers proved to be those of QDQ, and those that are not named."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_networks import grid, lstm_network, network, node, rows

from q4compile.quantize.oracle.multiplier import multipliers
from q4compile.quantize.oracle.representations import decide
from q4compile.quantize.oracle.staircase import mul_ratio, thresholds
from q4compile.quantize.oracle.tables import interpolated, sigmoid_table, tanh_table
from q4compile.quantize.oracle.tensor import Grid
from q4compile.quantize.oracle.thresholds import (
    compare,
    compare_thresholds,
    gate_pairs,
    requantizers,
)


def two_products(seed, scale):
    rng = np.random.default_rng(seed)
    first = rows(rng.integers(-7, 8, (640, 24)), rng.uniform(0.01, 0.02, 24), (1,))
    second = rows(rng.integers(-7, 8, (24, 4)), rng.uniform(0.01, 0.02, 4), (1,))
    nodes = [
        node("MatMul", ["x@x", "W"], ["m"]),
        node("Tanh", ["t0"], ["t"]),
        node("MatMul", ["m@g", "V"], ["t0"]),
        node("MatMul", ["t@g2", "U"], ["z"]),
    ]
    order = [nodes[0], nodes[2], nodes[1], nodes[3]]
    constants = {"W": first, "V": second, "U": rows([[1]] * 4, [1.0], (1,))}
    grids = {"x": grid(0.13), "g": grid(scale), "g2": grid(0.14)}
    return network(order, ["x"], ["z"], constants, grids)


def test_every_channel_is_proved():
    """Some of them only by a nudge: a hundredth of the nearest multipliers of 24 bits is off."""
    moved = {"m": 0, "z.in0": 0}
    for seed in range(40):
        decided = decide(two_products(seed, scale=np.random.default_rng(seed).uniform(0.5, 4)))
        for each in requantizers(decided):
            found = compare(each)
            assert found.channels == found.equal_channels == len(each.reaches)
            assert found.thresholds == found.equal_thresholds == 15 * found.channels
            moved[each.name] += (each.multipliers.mul != nearest(each).mul).sum()
    assert moved["m"] > 0
    assert set(moved) == {"m", "z.in0"}


def nearest(requantizer):
    return multipliers(requantizer.multipliers.ratios)


def test_readings_are_nudged_as_well():
    """Of 4000 grids for a Tanh, those whose nearest multiplier has a threshold beside its place.

    Where ties of both signs occur, as by 1/4586, no neighbour mends it: then that is told.
    """
    moved, told = 0, 0
    for scale in np.random.default_rng(0).uniform(0.1, 0.14, 4000).astype(np.float32):
        ratio = 1 / (2**15 * Fraction(float(scale)))
        on, reach = Grid(Fraction(float(scale)), 0, -8, 7), (-32768, 32767)
        made = multipliers([ratio])
        if thresholds(mul_ratio(made, 0), on, reach) == thresholds(ratio, on, reach):
            continue
        nodes = [
            node("MatMul", ["x@x", "W"], ["m"]),
            node("Tanh", ["m"], ["t"]),
            node("MatMul", ["t@g", "W"], ["z"]),
        ]
        grids = {"x": grid(0.13), "g": grid(scale)}
        whole = network(nodes, ["x"], ["z"], {"W": rows([[1]], [1.0], (1,))}, grids)
        (one,) = requantizers(decide(whole))
        nudge = abs(one.multipliers.mul.item() - made.mul.item())
        assert nudge in (0, 1)
        assert bool(compare(one).differences) == (nudge == 0)
        moved, told = moved + nudge, told + 1 - nudge
    assert moved > told > 0


def test_a_wrong_multiplier_is_named():
    """2^-10 too large: every threshold of channel 5 that lies far enough from 0 moves."""
    (one, _) = requantizers(decide(two_products(1, 1.5)))
    mul = one.multipliers.mul.copy()
    mul[5] += mul[5] >> 10
    found = compare(replace(one, multipliers=replace(one.multipliers, mul=mul)))
    assert {each.channel for each in found.differences} == {5}
    assert found.equal_channels == 23
    assert found.equal_thresholds == 24 * 15 - len(found.differences) < 24 * 15
    for each in found.differences:
        assert abs(each.integer) <= abs(each.real)
        assert each.accumulators == abs(each.integer - each.real) > 0


@given(st.integers(-(2**30), 2**30), st.integers(0, 3000))
def test_gate_pairs(start, length):
    """Counted once more by going through the gates one at a time."""
    every = np.arange(-32768, 32768)
    gates = np.unique(interpolated(sigmoid_table(), every)).tolist()
    tanhs = {int(t) for t in np.unique(interpolated(tanh_table(), every))}
    found = 0
    for o in gates:
        if o == 0:
            found += len(tanhs) * (start <= 0 < start + length)
        else:
            first, end = -(-start // o), -(-(start + length) // o)
            found += sum(t in tanhs for t in range(first, end))
    assert gate_pairs(start, start + length) == found


def test_h_of_an_lstm():
    """A power of two is met exactly; a multiplier of 24 bits cannot tell all of 30 bits apart."""
    one = compare_thresholds(decide(lstm_network([[[1]] * 4], [[[1]] * 4])))["y.h"]
    assert (one.channels, one.equal_channels, one.differences) == (1, 1, ())
    made = lstm_network([[[1]] * 4], [[[1]] * 4], hidden=grid(0.1257143))
    two = compare_thresholds(decide(made))["y.h"]
    assert two.equal_channels == 0
    assert two.equal_thresholds + len(two.differences) == 15
    assert sum(each.accumulators for each in two.differences) < 20  # of 160 million pairs
    for each in two.differences:
        assert abs(each.integer - each.real) <= Fraction(abs(each.real), 2**24) + 1
