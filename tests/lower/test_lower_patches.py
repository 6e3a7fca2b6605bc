"""Convolutions over time and frequency on the machine: the oracle's codes for every shape."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, Machine, target_of
from hypothesis import given, settings
from hypothesis import strategies as st
from networks_to_lower import Draft

BANDS = 10


def conv2d(draft, x, grid, name, inputs, outputs, taps, form="int4", **attributes):
    """Conv of X [B, C, T, F] or [B, C, F, T] with a bias."""
    shape = (outputs, inputs // attributes.get("group", 1), *taps)
    weight = draft.weight(f"{name}.W", *shape, form=form, axes=(0,))
    bias = draft.vector(f"{name}.b", outputs)
    return draft.add("Conv", [(x, grid) if grid else x, weight, bias], name, **attributes)


def entered(draft, bands, turned=False):
    """Features [B, T, F] as one channel."""
    x = draft.enter("x", "B", "T", bands)
    if turned:
        x = draft.add("Transpose", [x], "turned", perm=(0, 2, 1), shape=("B", bands, "T"))
    draft.constant("one", np.array([1]))
    return draft.add("Unsqueeze", [x, "one"], "image")


def feed(seed, frames, batch, bands=BANDS):
    random = np.random.default_rng([seed, frames])
    return {"x": random.normal(0, 2, (batch, frames, bands)).astype(np.float32)}


def one(taps, form="int8", zero_point=-20, channels=6, weights="int4", turned=False, **given):
    """A convolution, its result as it is and behind Relu as rows of a product."""
    draft = Draft()
    grid = draft.grid("x.grid", form, 0.1, zero_point)
    bands = given.pop("bands", BANDS)
    image = entered(draft, bands, turned)
    y = conv2d(draft, image, grid, "c", 1, channels, taps, weights, **given)
    return {"model": draft.made((draft.add("Relu", [y], "r"), (None,) * 4))}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("form", "zero_point"), [("int8", -20), ("int4", 3), ("uint8", 90)])
def test_formats(form, zero_point, turned):
    machine = Machine(
        one((3, 3), form, zero_point, turned=turned, pads=(1, 1, 1, 1), strides=(2, 2))
    )
    for frames in (1, 2, 7):
        machine.agree(feed(0, frames, 3))


@st.composite
def shapes(draw):
    """Taps, strides, dilations and pads: (time, frequency), no more pads of time than windows."""
    taps = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    strides = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dilations = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    reaches = [(k - 1) * d + 1 for k, d in zip(taps, dilations, strict=True)]
    before = draw(st.integers(0, reaches[0] + strides[0] - 2))
    behind = draw(st.integers(0, reaches[0] + strides[0] - 2 - before))
    low, high = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    bands = draw(st.integers(max(reaches[1] - low - high, 1), 12))
    pads = (before, low, behind, high)
    given = {"strides": strides, "dilations": dilations, "pads": pads}
    return taps, bands, given


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shapes(), st.sampled_from(["int8", "int4", "uint4"]), st.booleans(), st.data())
def test_any_shape(shape, form, turned, data):
    taps, bands, given_ = shape
    if turned:
        taps, given_ = turned_over(taps, given_)
    channels = data.draw(st.sampled_from([1, 5, 8, 16, 33]))
    weights = data.draw(st.sampled_from(["int4", "int8"]))
    zero_point = data.draw(st.integers(0, 7))
    parts = one(taps, form, zero_point, channels, weights, turned, bands=bands, **given_)
    kib, cores = data.draw(st.sampled_from([64, 256])), data.draw(st.sampled_from([1, 2, 4]))
    target = replace(target_of(kib), name="some", cores=4)
    machine = Machine(parts, target, cores=cores, batch=4, chunk_rows=16)
    (time,) = (each for each in machine.program.entry("model").dimensions if each.name == "T")
    for frames in (time.minimum, time.minimum + data.draw(st.integers(1, 6))):
        machine.agree(feed(1, frames, data.draw(st.integers(1, 3)), bands), seeds=(None, 0))


def turned_over(taps, given_):
    """The same with frequency before time."""
    pads = given_["pads"]
    two = {key: given_[key][::-1] for key in ("strides", "dilations")}
    return taps[::-1], two | {"pads": (pads[1], pads[0], pads[3], pads[2])}


def encoder(
    layers=2, channels=(8, 16), middle="uint4", order=(0, 2, 1, 3), lengths=False, groups=1
):
    """Conv2d · Relu, twice; all channels of all bands are a row of an LSTM; a linear layer."""
    draft = Draft()
    grid, bands = draft.grid("x.grid", "int8", 0.1, -20), 20
    y, inputs = entered(draft, bands), 1
    for n in range(layers):
        given_ = {"strides": (2, 2), "pads": (1, 1, 1, 1), "group": groups if n else 1}
        y = conv2d(draft, y, grid, f"c{n}", inputs, channels[n], (3, 3), **given_)
        y, inputs, bands = draft.add("Relu", [y], f"r{n}"), channels[n], (bands + 1) // 2
        grid = draft.grid(f"g{n}", middle, 0.15)
    moved = draft.add("Transpose", [y], "moved", perm=order, shape=("B", "T'", None, None))
    draft.constant("shape", np.array([0, 0, -1]))
    row = draft.add("Reshape", [moved, "shape"], "row", shape=("B", "T'", None))
    steps = draft.add("Transpose", [row], "steps", perm=(1, 0, 2), shape=("T'", "B", None))
    n = fewer(draft, layers) if lengths else None
    h = draft.lstm(steps, grid, "l", bands * inputs, 32, lengths=n, direction="bidirectional")
    t = draft.add("Transpose", [h], "t", perm=(0, 2, 1, 3))
    h = draft.add("Reshape", [t, "shape"], "h", shape=("T'", "B", 64))
    return {"model": draft.made(draft.linear(h, "l.h", "z", 64, 9))}


def fewer(draft, layers):
    """Lengths behind so many strides of 2."""
    n = draft.enter("n", "B", dtype="int64")
    for name, number in (("1", 1), ("2", 2)):
        draft.constant(name, np.array(number))
    for k in range(layers):
        n = draft.add("Add", [n, "1"], f"more{k}")
        n = draft.add("Div", [n, "2"], f"half{k}")
    return n


def lengths_of(feeds, frames, batch):
    n = np.random.default_rng(frames).integers(1, frames + 1, batch)
    n[0] = frames
    return feeds | {"n": n}


@pytest.mark.parametrize("cores", [1, 2, 4])
@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 2, 3, 1)])
def test_front_end_of_an_encoder(order, cores):
    """Channels before bands in a row, as torch has them, or behind."""
    target = replace(RAPID1, name="four", cores=4)
    parts = encoder(order=order, lengths=True)
    machine = Machine(parts, target, cores=cores, batch=4, chunk_rows=32)
    for frames, batch in ((1, 1), (4, 2), (9, 3)):
        feeds = lengths_of(feed(2, frames, batch, 20), frames, batch)
        machine.agree(feeds, seeds=(None, 0, 1))


@pytest.mark.parametrize(("cores", "lengths"), [(1, True), (4, False)])
def test_three_layers(cores, lengths):
    """More sizes than registers for all numbers of chunks: some phases have chunks of no rows."""
    target = replace(RAPID1, name="four", cores=4)
    parts = encoder(3, (8, 8, 16), lengths=lengths)
    machine = Machine(parts, target, cores=cores, batch=4, chunk_rows=32)
    for frames, batch in ((1, 1), (9, 2), (40, 3)):
        feeds = feed(2, frames, batch, 20)
        machine.agree(lengths_of(feeds, frames, batch) if lengths else feeds)


@pytest.mark.parametrize("middle", ["int4", "int8"])
@pytest.mark.parametrize("channels", [(5, 3), (32, 32)])
def test_channels_that_fill_no_unit(channels, middle):
    machine = Machine(encoder(2, channels, middle), target_of(128), batch=4, chunk_rows=8)
    for frames, batch in ((1, 3), (6, 2)):
        machine.agree(feed(3, frames, batch, 20))


def test_groups():
    machine = Machine(encoder(2, (8, 16), "int4", groups=4))
    machine.agree(feed(4, 7, 2, 20))


def test_a_result_on_a_grid_and_windows_on_it():
    """Codes go from one convolution to the next without a step between."""
    draft = Draft()
    grid, middle = draft.grid("x.grid", "int8", 0.1, 7), draft.grid("m", "int4", 0.3, 2)
    y = conv2d(draft, entered(draft, BANDS), grid, "c", 1, 6, (2, 3), pads=(0, 1, 0, 1))
    y = conv2d(draft, y, middle, "d", 6, 4, (2, 3), strides=(1, 2), pads=(1, 2, 0, 0))
    machine = Machine({"model": draft.made((y, (None,) * 4))})
    for frames in (2, 5):
        machine.agree(feed(5, frames, 2))


def test_frames_of_fixed_number_without_a_batch():
    draft = Draft()
    x = draft.enter("x", 1, 1, 9, BANDS)
    y = conv2d(draft, x, draft.grid("x.grid", "int8", 0.1, 7), "c", 1, 6, (3, 3))
    machine = Machine({"model": draft.made((y, (None,) * 4))})
    x = np.random.default_rng(0).normal(0, 2, (1, 1, 9, BANDS)).astype(np.float32)
    machine.agree({"x": x})


def test_the_product_is_no_wider_than_what_a_band_sees():
    """Structural zeros: none where channels fill 16 bytes, at most a unit a tap elsewhere."""
    for channels, widest in ((32, 9 * 32), (8, 3 * 64)):
        program = Machine(encoder(2, (channels, 16), "int4")).program
        first, second, *_ = (word for word in program.code if word.mnemonic == "mm")
        assert first.columns == channels
        assert (second.columns, second.depth) == (16, widest)


def test_long_inputs_take_no_more_on_chip_memory():
    """Rings of frames come round with every window, of one tap too."""
    for taps in ((1, 1), (1, 3), (2, 3)):
        machine = Machine(one(taps, strides=(2, 1)), target_of(32), batch=2, chunk_rows=8)
        machine.agree(feed(6, 700, 2), seeds=(None,))
