"""GRUs and RNNs in the oracle: a step by hand, and whole ones against float64."""

from fractions import Fraction

import numpy as np
import pytest
from small_networks import grid, network, node, rows

from q4compile.errors import ModelError
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide

GATES = {"GRU": 3, "RNN": 1}


def gated(op, units=6, inputs=5, hidden=None, seed=0, extra=(), **attributes):
    random = np.random.default_rng(seed)
    count = GATES[op] * units
    codes = [random.integers(-7, 8, (1, count, size)) for size in (inputs, units)]
    scales = np.full(count, 1 / 16)
    bias = random.normal(0, 0.4, (1, 2 * count)).astype(np.float32)
    constants = {
        "W": rows(codes[0], scales, (0, 1)),
        "R": rows(codes[1], scales, (0, 1)),
        "B": bias,
    }
    given = {"hidden_size": units, "linear_before_reset": int(op == "GRU")} | attributes
    made = node(op, ["x@x", "W", "R", "B", *extra], ["y", "yh"], attributes=given, hidden="h")
    grids = {"x": grid(0.25), "h": hidden or grid(1 / 128, 0, "int8")}
    ports = ["x", *(f"{each}:int64" if each == "n" else each for each in extra if each)]
    return network([made], ports, ["y", "yh"], constants, grids)


def in_floats(found, op, x, relu=False):
    """Y with h on its grid at every step, all else in float64."""
    w, r = (found.constants[name][0].astype(np.float64) for name in "WR")
    bw, br = np.split(found.constants["B"][0].astype(np.float64), 2)
    scale = float(found.grids["h"].scale)
    h, made = np.zeros((x.shape[1], r.shape[1])), []
    for t in range(len(x)):
        gx, gh = x[t] @ w.T + bw, h @ r.T + br
        if op == "RNN":
            new = np.maximum(gx + gh, 0) if relu else np.tanh(gx + gh)
        else:
            (xz, xr, xn), (hz, hr, hn) = (np.split(each, 3, -1) for each in (gx, gh))
            z, reset = (1 / (1 + np.exp(-each)) for each in (xz + hz, xr + hr))
            new = (1 - z) * np.tanh(xn + reset * hn) + z * h
        h = np.clip(np.rint(new / scale), -128, 127) * scale
        made.append(h)
    return np.stack(made)


@pytest.mark.parametrize("op", ["GRU", "RNN"])
@pytest.mark.parametrize("seed", range(4))
def test_against_floats(op, seed):
    """h differs by a code or two: a threshold that is crossed once stays crossed for a while."""
    found = gated(op, seed=seed)
    x = np.random.default_rng(seed).integers(-8, 8, (7, 3, 5)) * 0.25
    ours = interpret(found, {"x": x})["y"]
    assert np.abs(ours.real[:, 0] - in_floats(found, op, x)).max() <= 2.01 / 128
    assert len(np.unique(ours.codes)) > 10


def test_relu():
    hidden = grid(1 / 16, 0, "int8")
    found = gated("RNN", hidden=hidden, activations=("Relu",))
    x = np.random.default_rng(0).integers(-8, 8, (5, 3, 5)) * 0.25
    ours = interpret(found, {"x": x})["y"].real[:, 0]
    assert np.abs(ours - in_floats(found, "RNN", x, relu=True)).max() <= 2.01 / 16


def test_h_of_a_gru_is_rounded_once():
    """One step from a state of its own, with the gates taken from the tables, in fractions."""
    found = gated("GRU", extra=("", "h0"))
    decided = decide(found).gated["y"]
    mul, shift = (int(each[0]) for each in (decided.to_hidden.mul, decided.to_hidden.shift))
    assert 15 <= shift <= 53
    assert abs(Fraction(mul, 2**shift) * 2**30 / 128 - 1) < Fraction(1, 2**23)
    h0 = np.random.default_rng(1).integers(-128, 128, (1, 2, 6)) / 128
    values = interpret(found, {"x": np.zeros((1, 2, 5)), "h0": h0})
    assert (values["y"].codes[0] == values["yh"].codes).all()


def test_lengths():
    found = gated("GRU", extra=("n",), direction="reverse")
    x = np.random.default_rng(2).integers(-8, 8, (6, 2, 5)) * 0.25
    whole = interpret(found, {"x": x, "n": np.array([6, 3])})
    short = interpret(found, {"x": x[:3, 1:], "n": np.array([3])})
    assert (whole["y"].codes[:3, :, 1:] == short["y"].codes).all()
    assert (whole["y"].codes[3:, :, 1] == 0).all()
    assert (whole["yh"].codes[:, 1:] == short["yh"].codes).all()


def test_what_is_refused():
    for found in (
        gated("GRU", linear_before_reset=0),
        gated("GRU", clip=3.0),
        gated("RNN", activations=("Elu",)),
        gated("GRU", hidden=grid(2.0)),
        gated("RNN", hidden=grid(4.0), activations=("Relu",)),
    ):
        with pytest.raises(ModelError, match=r"Q14[14]"):
            decide(found)
