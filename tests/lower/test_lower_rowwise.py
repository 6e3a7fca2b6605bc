"""Rows normalized, softened and reduced on the machine: the oracle's codes."""

import numpy as np
import pytest
from agreement import Machine
from networks_to_lower import Draft

from q4compile.quantize.network import Port

FEATURES = 12


def known(network, **widths):
    """With the last axis of these values known."""
    ports = {name: Port(name, "float32", (None, None, size)) for name, size in widths.items()}
    network.values.update(ports)
    return {"model": network}


def start(form="int8", zero_point=-20):
    draft = Draft()
    grid = draft.grid("x.grid", form, 0.05, zero_point)
    return draft, draft.enter("x", "T", "B", FEATURES), grid


def feed(seed, frames, batch, scale=2):
    random = np.random.default_rng([seed, frames])
    return {"x": random.normal(0, scale, (frames, batch, FEATURES)).astype(np.float32)}


def layer_norm(draft, x, name, size, bias=True, **given):
    inputs = [x, draft.vector(f"{name}.scale", size, 1.0)]
    if bias:
        inputs.append(draft.vector(f"{name}.bias", size))
    return draft.add("LayerNormalization", inputs, name, axis=-1, **given)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [1, 2, 40, 257])
def test_layer_norm_of_a_product(size, bias):
    draft, x, grid = start()
    y = layer_norm(draft, draft.linear(x, grid, "y", FEATURES, size), "n", size, bias)
    z = draft.linear(y, draft.grid("n.grid", "int4", 0.4), "z", size, 9)
    machine = Machine({"model": draft.made(z)}, chunk_rows=8)
    for frames in (1, 7):
        machine.agree(feed(0, frames, 3))


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize(("hidden", "units"), [("int4", 32), ("int8", 16), ("uint4", 64)])
def test_layer_norm_behind_an_lstm(direction, hidden, units):
    """h comes in codes; they become numbers first."""
    draft, x, grid = start()
    h = draft.grid("h", hidden, 0.01 if hidden == "int8" else 0.12, 7 if hidden == "uint4" else 0)
    y = draft.lstm(x, grid, "l", FEATURES, units, direction=direction, hidden=h)
    draft.constant("shape", np.array([0, 0, -1]))
    t = draft.add("Transpose", [y], "t", perm=(0, 2, 1, 3))
    r = draft.add("Reshape", [t, "shape"], "r", shape=("T", "B", None))
    width = units * (2 if direction == "bidirectional" else 1)
    n = layer_norm(draft, r, "n", width, epsilon=0.125)
    z = draft.lstm(n, draft.grid("n.grid", "int4", 0.4), "k", width, 32)
    machine = Machine({"model": draft.made(z)})
    for frames in (1, 5):
        machine.agree(feed(1, frames, 3), seeds=(None, 0, 1))


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("size", [1, 5, 46, 300])
def test_softmax_as_output(op, size):
    draft, x, grid = start()
    y = draft.linear(x, grid, "y", FEATURES, size)
    z = draft.add(op, [y], "z", axis=2)
    machine = Machine(known(draft.made(z), y=size), chunk_rows=16)
    for frames in (1, 7):
        machine.agree(feed(2, frames, 3))


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_of_coarse_and_of_fine_numbers(op):
    for scale in (2.0**-12, 0.05, 30.0):
        draft, x, grid = start()
        draft.weight("W", FEATURES, 20, axes=(1,), scale=scale)
        y = draft.add("MatMul", [(x, grid), "W"], "y")
        s = draft.add("Sigmoid", [y], "s")
        made = [draft.add(op, [each], f"{each}.soft") for each in (y, s)]
        machine = Machine(known(draft.made(*made), y=20, s=20))
        machine.agree(feed(3, 4, 2))


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"])
def test_reductions(op):
    draft, x, grid = start()
    y = draft.linear(x, grid, "y", FEATURES, 21)
    last = draft.constant("last", np.array([-1]))
    made = draft.add(op, [draft.add("Tanh", [y], "t"), last], "m")
    fine = draft.add(op, [y], "n", axes=(2,))
    machine = Machine(known(draft.made(made, fine), y=21, t=21))
    machine.agree(feed(4, 5, 3))


def test_codes_in_sums_and_products():
    """h of an LSTM beside what came before it."""
    draft, x, grid = start("int8", 3)
    h = draft.lstm(x, grid, "l", FEATURES, 16)
    draft.constant("one", np.array([1]))
    h = draft.add("Squeeze", [h, "one"], "s")
    y = draft.linear(x, grid, "y", FEATURES, 16)
    both = draft.add("Add", [h, y], "sum")
    twice = draft.add("Mul", [h, both], "product")
    z = draft.linear(twice, draft.grid("z.grid", "int4", 0.3), "z", 16, 9)
    t = draft.add("Tanh", [(y, draft.grid("t.grid", "int4", 0.3))], "t")
    machine = Machine({"model": draft.made(z, t)})
    machine.agree(feed(5, 4, 3))
