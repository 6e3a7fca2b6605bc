"""GRUs and RNNs on the machine: the oracle's codes, whatever the tiles and the order."""

import numpy as np
import pytest
from agreement import Machine, target_of
from networks_to_lower import Draft

from q4compile.errors import TargetError
from q4compile.isa.instructions import Gru, Rnn

FEATURES = 12
OPS = ("GRU", "RNN")


def start():
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.04, -20)
    return draft, draft.enter("x", "T", "B", FEATURES), grid


def feed(seed, frames, batch, lengths=False):
    random = np.random.default_rng([seed, frames])
    feeds = {"x": random.normal(0, 2, (frames, batch, FEATURES)).astype(np.float32)}
    if lengths:
        feeds["n"] = random.integers(1, frames + 1, batch)
    return feeds


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("units", [1, 10, 32])
def test_directions_and_units(op, direction, units):
    draft, x, grid = start()
    n = draft.enter("n", "B", dtype="int64")
    given = {"direction": direction, "lengths": n}
    y = draft.gated(op, x, grid, "g", FEATURES, units, **given)
    machine = Machine({"model": draft.made(y)})
    for frames in (1, 2, 7):
        machine.agree(feed(0, frames, 3, lengths=True), seeds=(None, 0, 1))


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(
    ("form", "hidden", "scale", "zero_point"),
    [("int4", "int8", 0.01, 3), ("int8", "int4", 0.15, 0), ("int2", "uint4", 0.12, 8)],
)
def test_formats(op, form, hidden, scale, zero_point):
    draft, x, grid = start()
    h = draft.grid("h", hidden, scale, zero_point)
    y = draft.gated(op, x, grid, "g", FEATURES, 24, form=form, hidden=h)
    z = draft.linear(y, "h", "z", 24, 9)
    Machine({"model": draft.made(z)}).agree(feed(1, 6, 3))


@pytest.mark.parametrize("relu", [False, True])
def test_activations_of_an_rnn(relu):
    draft, x, grid = start()
    h = draft.grid("h", "uint4", 0.5) if relu else None
    y = draft.gated("RNN", x, grid, "g", FEATURES, 16, relu=relu, hidden=h)
    machine = Machine({"model": draft.made(y)})
    machine.agree(feed(2, 6, 3))
    (word,) = (each for each in machine.program.code if isinstance(each, Rnn))
    assert word.relu == relu


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("keep_weights", [True, False])
def test_groups_of_units(op, keep_weights):
    draft, x, grid = start()
    y = draft.gated(op, x, grid, "g", FEATURES, 90, direction="bidirectional")
    options = {"group_units": 32, "keep_weights": keep_weights}
    machine = Machine({"model": draft.made(y)}, target_of(96), batch=4, **options)
    for frames in (1, 2, 5):
        machine.agree(feed(3, frames, 3), seeds=(None, 0, 1, 2))


@pytest.mark.parametrize("op", OPS)
def test_step_by_step_through_ports(op):
    """Steps one at a time, h carried by the host: what a predictor does."""
    draft = Draft()
    ids = draft.enter("ids", "B", 1, dtype="int64")
    h = draft.enter("h0", 1, "B", 32)
    draft.table("E", 11, FEATURES)
    e = draft.add("Gather", ["E", ids], "e")
    x = draft.add("Transpose", [e], "x", perm=(1, 0, 2), shape=(1, "B", FEATURES))
    y = draft.gated(op, x, None, "g", FEATURES, 32, h=h, outputs=("g", "h1"))
    z = draft.linear(y, "g.h", "z", 32, 9)
    machine = Machine({"model": draft.made(z, "h1")})
    state, random = np.zeros((1, 3, 32), np.float32), np.random.default_rng(0)
    for _ in range(4):
        feeds = {"ids": random.integers(0, 11, (3, 1)), "h0": state}
        state = machine.agree(feeds)["h1"].real.astype(np.float32)
    assert state.any()


@pytest.mark.parametrize("op", OPS)
def test_a_stack_behind_a_convolution(op):
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.05, -20)
    x = draft.enter("x", "B", FEATURES, "T")
    weight = draft.weight("c.W", 16, FEATURES, 3, axes=(0,))
    y = draft.add("Conv", [(x, grid), weight, draft.vector("c.b", 16)], "c", pads=(1, 1))
    r = draft.add("Relu", [y], "r")
    t = draft.add("Transpose", [r], "t", perm=(2, 0, 1), shape=("T", "B", 16))
    h = draft.gated(op, t, draft.grid("r.grid", "uint4", 0.2), "g", 16, 32)
    draft.constant("one", np.array([1]))
    k = draft.lstm(draft.add("Squeeze", [h, "one"], "s", shape=("T", "B", 32)), None, "l", 32, 16)
    machine = Machine({"model": draft.made(k)})
    for frames in (1, 5):
        feeds = {"x": feed(4, frames, 2)["x"].transpose(1, 2, 0)}
        machine.agree(feeds, seeds=(None, 0, 1))


def test_a_third_fewer_columns_than_an_lstm():
    draft, x, grid = start()
    y = draft.gated("GRU", x, grid, "g", FEATURES, 32)
    program = Machine({"model": draft.made(y)}).program
    (word,) = (each for each in program.code if isinstance(each, Gru))
    columns = {each.columns for each in program.code if each.mnemonic == "mm"}
    assert columns == {3 * word.units}


def test_what_is_refused(golden):
    found = []
    for op, change in (
        ("GRU", {"linear_before_reset": 0}),
        ("GRU", {"activations": ("Sigmoid", "Relu")}),
        ("RNN", {"activations": ("Elu",)}),
        ("RNN", {"clip": 3.0}),
    ):
        draft, x, grid = start()
        y = draft.gated(op, x, grid, "g", FEATURES, 8)
        draft.nodes[-1].attributes.update(change)
        found.append(draft.made(y))
    for op, form, scale in (("GRU", "int4", 1.5), ("RNN", "int8", 0.5)):
        draft, x, grid = start()
        h = draft.grid("h", form, scale)
        found.append(
            draft.made(draft.gated(op, x, grid, "g", FEATURES, 8, hidden=h, relu=op == "RNN"))
        )
    texts = []
    for each in found:
        with pytest.raises(TargetError) as caught:
            Machine({"model": each})
        texts.append(f"{caught.value}")
    golden("errors/Q321-lower-gated.txt", "\n\n".join(texts))
