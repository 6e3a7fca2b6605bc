"""The largest and the least over frames, rows or both on the machine: the oracle's codes."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, Machine, compiled, target_of
from hypothesis import given, settings
from hypothesis import strategies as st
from networks_to_lower import Draft

from q4compile.isa.engine import Precision
from q4compile.sim.simulator import Simulator

FEATURES = 12
EXTREMES = pytest.mark.parametrize("op", ["ReduceMax", "ReduceMin"])
OVER_FRAMES = pytest.mark.parametrize("op", ["ReduceMax", "ReduceMean", "ReduceMin"])


def pooled(op, axes, keepdims, rows=("T", "B"), width=20, behind=True):
    """A linear layer, what is left of its frames, and a layer behind."""
    draft = Draft()
    x = draft.enter("x", *rows, FEATURES)
    y = draft.linear(x, draft.grid("x.grid", "int8", 0.05, -20), "y", FEATURES, width)
    z = draft.add(op, [y, draft.constant("axes", np.array(axes))], "z", keepdims=keepdims)
    if behind:
        z = draft.linear(z, draft.grid("z.grid", "int4", 0.2), "w", width, 9)
    return {"model": draft.made((z, (None,) * (2 + keepdims)))}


def feed(seed, *shape):
    random = np.random.default_rng([seed, *shape])
    return {"x": random.normal(0, 2, (*shape, FEATURES)).astype(np.float32)}


@OVER_FRAMES
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("rows", [("T", "B"), ("B", "T")])
def test_over_frames(op, keepdims, rows):
    machine = Machine(pooled(op, [rows.index("T")], keepdims, rows))
    sizes = {"B": 3}
    for frames in (1, 2, 7):
        sizes["T"] = frames
        machine.agree(feed(0, *(sizes[name] for name in rows)), seeds=(None, 0, 1))


@EXTREMES
def test_over_frames_and_rows(op):
    parts = pooled(op, [0, -1], 1, behind=False)
    parts["model"].values["y"] = replace(parts["model"].values["x"], name="y", shape=("T", "B", 20))
    machine = Machine(parts)
    machine.agree(feed(1, 5, 3))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.sampled_from(["ReduceMax", "ReduceMean", "ReduceMin"]),
    st.integers(1, 40),
    st.integers(1, 70),
    st.integers(1, 4),
    st.sampled_from([1, 2, 4]),
)
def test_any_size(op, frames, width, batch, cores):
    target = replace(target_of(64), name="four", cores=4)
    machine = Machine(pooled(op, [0], 1, width=width), target, cores=cores, batch=4, chunk_rows=8)
    machine.agree(feed(2, frames, batch))


@OVER_FRAMES
def test_frames_of_fixed_number_and_no_batch(op):
    machine = Machine(pooled(op, [0], 0, rows=(9, 1)))
    machine.agree(feed(3, 9, 1))


@pytest.mark.parametrize("offset", [-9.0, 0.0, 9.0])
def test_a_mean_of_many_frames(offset):
    """Within a step of the real mean, whichever sums come near to their ends."""
    draft = Draft()
    x = draft.enter("x", "T", "B", FEATURES)
    draft.weight("y.W", FEATURES, 20, axes=(1,))
    product = draft.add("MatMul", [(x, draft.grid("x.grid", "int8", 0.05)), "y.W"], "product")
    y = draft.add("Add", [product, draft.constant("b", np.full(20, offset, np.float32))], "y")
    draft.add("ReduceMean", [y, draft.constant("axes", np.array([0]))], "z", keepdims=0)
    machine = Machine({"model": draft.made("y", ("z", (None, None)))})
    (time,) = (each for each in machine.program.entry("model").dimensions if each.name == "T")
    assert time.maximum == 4095
    for frames in (1, 100, 4095):
        found = machine.agree(feed(5, frames, 2), seeds=(None,))
        step = 2.0 ** -found["z"].representation.f
        assert np.abs(found["z"].real - found["y"].real.mean(0)).max() <= 1.5 * step


def test_the_limit_is_that_of_frames_behind_a_convolution():
    draft = Draft()
    x = draft.enter("x", "B", "T", FEATURES)
    x = draft.add("Transpose", [x], "turned", perm=(0, 2, 1))
    weight = draft.weight("c.W", 16, FEATURES, 3, axes=(0,))
    grid = draft.grid("x.grid", "int8", 0.05, -20)
    given_ = {"strides": (2,), "pads": (1, 1)}
    y = draft.add("Conv", [(x, grid), weight], "c", shape=("B", 16, "T'"), **given_)
    z = draft.add("ReduceMean", [y, draft.constant("axes", np.array([2]))], "z", keepdims=0)
    machine = Machine({"model": draft.made((z, (None, None)))})
    (time,) = (each for each in machine.program.entry("model").dimensions if each.name == "T")
    assert time.maximum == 2 * 4095
    machine.agree(feed(6, 2, 9))


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_pools_over_all_frames(op):
    draft = Draft()
    x = draft.enter("x", "T", "B", FEATURES)
    y = draft.linear(x, draft.grid("x.grid", "int8", 0.05, -20), "y", FEATURES, 20)
    y = draft.add("Transpose", [y], "turned", perm=(1, 2, 0), shape=("B", 20, "T"))
    machine = Machine({"model": draft.made(draft.add(op, [y], "z"))})
    machine.agree(feed(7, 6, 3))


def test_over_frames_of_an_image():
    """The largest of all frames of each channel and frequency; Relu behind it."""
    draft = Draft()
    x = draft.enter("x", "B", "T", 10)
    image = draft.add("Unsqueeze", [x, draft.constant("one", np.array([1]))], "image")
    weight = draft.weight("c.W", 8, 1, 3, 3, axes=(0,))
    y = draft.add("Conv", [(image, draft.grid("x.grid", "int8", 0.1)), weight], "c")
    z = draft.add("ReduceMax", [y, draft.constant("two", np.array([2]))], "z", keepdims=0)
    flat = draft.add("Reshape", [z, draft.constant("shape", np.array([0, -1]))], "flat")
    w = draft.linear(flat, draft.grid("z.grid", "int4", 0.2), "w", 64, 9)
    machine = Machine({"model": draft.made((w, (None, None)))})
    x = np.random.default_rng(0).normal(0, 2, (2, 6, 10)).astype(np.float32)
    machine.agree({"x": x})


@EXTREMES
def test_in_halves(op):
    draft = Draft()
    x = draft.enter("x", "B", "T", FEATURES)
    draft.add(op, [x, draft.constant("axes", np.array([1]))], "z", keepdims=0)
    network = draft.made(("z", (None, None)))
    program = compiled([("model", network)], precision=Precision.FP16)
    simulator = Simulator(program, sram_bytes=RAPID1.sram.size_bytes)
    feeds = feed(4, 2, 5)
    found = simulator.run("model", feeds, seed=1, check_races=True).codes["z"]
    halves = feeds["x"].astype(np.float16)
    wanted = halves.max(axis=1) if op == "ReduceMax" else halves.min(axis=1)
    assert found.tolist() == wanted.tolist()
