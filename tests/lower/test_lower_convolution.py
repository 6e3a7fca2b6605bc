"""Convolutions over time on the machine: the oracle's codes for every stride, pad and group."""

import numpy as np
import pytest
from agreement import Machine, target_of
from networks_to_lower import Draft

CHANNELS, OUT = 12, 20


def convolution(draft, x, grid, name, inputs, outputs, taps, form="int4", **attributes):
    """Conv of X [B, C, T] with a bias."""
    groups = attributes.get("group", 1)
    shape = (outputs, inputs // groups, taps)
    weight = draft.weight(f"{name}.W", *shape, form=form, axes=(0,))
    bias = draft.vector(f"{name}.b", outputs)
    return draft.add("Conv", [(x, grid) if grid else x, weight, bias], name, **attributes)


def front_end(taps, form="int8", zero_point=-20, turned=True, weights="int4", **attributes):
    draft = Draft()
    grid = draft.grid("x.grid", form, 0.05, zero_point)
    if turned:
        x = draft.enter("x", "B", "T", CHANNELS)
        x = draft.add("Transpose", [x], "turned", perm=(0, 2, 1), shape=("B", CHANNELS, "T"))
    else:
        x = draft.enter("x", "B", CHANNELS, "T")
    y = convolution(draft, x, grid, "c", CHANNELS, OUT, taps, weights, **attributes)
    r = draft.add("Relu", [y], "r")
    back = draft.add("Transpose", [r], "back", perm=(2, 0, 1), shape=("T'", "B", OUT))
    z = draft.linear(back, draft.grid("r.grid", "int4", 0.2), "z", OUT, 9)
    return {"model": draft.made(z)}


def feed(seed, frames, batch, turned=True):
    random = np.random.default_rng([seed, frames])
    x = random.normal(0, 2, (batch, frames, CHANNELS)).astype(np.float32)
    return {"x": x if turned else x.swapaxes(1, 2)}


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("taps", [1, 2, 3, 5])
def test_strides_and_pads(stride, taps):
    half = (taps - 1) // 2
    for before, behind in {(0, 0), (half, half), (taps - 1, 0), (0, stride - 1)}:
        machine = Machine(front_end(taps, strides=(stride,), pads=(before, behind)))
        (dimension,) = (
            each for each in machine.program.entry("model").dimensions if each.name == "T"
        )
        assert dimension.minimum == max(taps - before - behind, 1)
        for frames in (dimension.minimum, dimension.minimum + 1, 6, 7):
            machine.agree(feed(0, frames, 3))


def test_dilation():
    machine = Machine(front_end(3, dilations=(2,), pads=(2, 2), strides=(2,)))
    for frames in (1, 2, 5, 8):
        machine.agree(feed(1, frames, 2), seeds=(None, 0, 1))


@pytest.mark.parametrize("groups", [2, 4])
def test_groups(groups):
    machine = Machine(front_end(3, group=groups, pads=(1, 1)))
    machine.agree(feed(2, 5, 3))


@pytest.mark.parametrize(("form", "zero_point"), [("int8", 7), ("int4", -3), ("uint8", 100)])
@pytest.mark.parametrize("weights", ["int4", "int8"])
def test_formats(form, zero_point, weights):
    machine = Machine(front_end(3, form, zero_point, weights=weights, pads=(1, 1)))
    machine.agree(feed(3, 6, 3))


def test_channels_before_time_in_the_input():
    machine = Machine(front_end(3, turned=False, pads=(1, 1)))
    for frames in (1, 2, 7):
        machine.agree(feed(4, frames, 3, turned=False))


def test_frames_of_fixed_number():
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.05, -20)
    x = draft.enter("x", 1, 9, CHANNELS)
    x = draft.add("Transpose", [x], "turned", perm=(0, 2, 1))
    y = convolution(draft, x, grid, "c", CHANNELS, OUT, 3, strides=(2,), pads=(1, 0))
    back = draft.add("Transpose", [y], "back", perm=(2, 0, 1))
    z = draft.linear(back, draft.grid("y.grid", "int4", 0.2), "z", OUT, 9)
    Machine({"model": draft.made(z)}).agree(feed(6, 9, 1))


def subsampled(direction="bidirectional", stride=2):
    """Two convolutions, then an LSTM with lengths over what is left of the frames."""
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.05, -20)
    x, n = draft.enter("x", "B", "T", CHANNELS), draft.enter("n", "B", dtype="int64")
    x = draft.add("Transpose", [x], "turned", perm=(0, 2, 1), shape=("B", CHANNELS, "T"))
    given = {"strides": (stride,), "pads": (1, 1)}
    y = draft.add("Relu", [convolution(draft, x, grid, "c", CHANNELS, OUT, 3, **given)], "r")
    middle = draft.grid("r.grid", "uint4", 0.2)
    y = convolution(draft, y, middle, "d", OUT, 16, 3, **given)
    back = draft.add("Transpose", [y], "back", perm=(2, 0, 1), shape=("T'", "B", 16))
    for k in "ab":
        for name, number in (("one", 1), ("by", stride)):
            draft.constant(f"{name}{k}", np.array(number))
        less = draft.add("Sub", [n, f"one{k}"], f"less{k}")
        n = draft.add("Add", [draft.add("Div", [less, f"by{k}"], f"half{k}"), f"one{k}"], f"n{k}")
    last = draft.grid("y.grid", "int4", 0.3)
    h = draft.lstm(back, last, "l", 16, 32, direction=direction, lengths=n)
    return {"model": draft.made(h)}


@pytest.mark.parametrize("kib", [None, 96])
def test_subsampling_in_front_of_an_lstm(kib):
    machine = Machine(subsampled(), target_of(kib), chunk_rows=16)
    for frames in (1, 2, 5, 8, 9):
        feeds = feed(5, frames, 3)
        feeds["n"] = np.random.default_rng(frames).integers(1, frames + 1, 3)
        feeds["n"][0] = frames
        machine.agree(feeds, seeds=(None, 0, 1))


def test_scratch_grows_with_the_frames():
    """Padded frames take no more than their own number: one size covers all of them."""
    entry = Machine(subsampled()).program.entry("model")
    sizes = [entry.sizes({"T": frames, "B": 2}) for frames in (100, 1000)]
    few, many = (entry.scratch[0].bytes.value(each) for each in sizes)
    assert many < 10 * few
