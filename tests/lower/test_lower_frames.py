"""Time reductions: neighbouring frames that an LSTM puts side by side as it goes."""

import numpy as np
import pytest
from agreement import Machine, target_of
from networks_to_lower import Draft

FEATURES = 12
FAR = 2**63 - 1


def reduced(draft, x, factor, number=0):
    """[x(f t) | x(f t + 1) | …] of x [T, B, K], as exporters write it."""
    parts = []
    for k in range(factor):
        ends = draft.constant(f"pads{number}.{k}", np.array([0, 0, 0, k, 0, 0]))
        padded = draft.add("Pad", [x, ends], f"{x}.pad{k}") if k else x
        bounds = [
            draft.constant(f"{what}{number}.{k}", np.array([value]))
            for what, value in (("from", k), ("to", FAR), ("axis", 0), ("by", factor))
        ]
        parts.append(draft.add("Slice", [padded, *bounds], f"{x}.part{k}"))
    return draft.add("Concat", parts, f"{x}.folded", axis=2)


def counts(draft, lengths, factor, number=0):
    """ceil(lengths / factor)."""
    more = draft.constant(f"more{number}", np.array(factor - 1))
    by = draft.constant(f"divisor{number}", np.array(factor))
    return draft.add(
        "Div", [draft.add("Add", [lengths, more], f"sum{number}"), by], f"n{number + 1}"
    )


def encoder(factors, units=32, direction="bidirectional", layers_before=1):
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.04, -20)
    x, n = draft.enter("x", "T", "B", FEATURES), draft.enter("n", "B", dtype="int64")
    draft.constant("shape", np.array([0, 0, -1]))
    width, directions, layer = FEATURES, 2 if direction == "bidirectional" else 1, 0
    for number, factor in enumerate((*factors, 1)):
        for _ in range(layers_before if number == 0 else 1):
            y = draft.lstm(x, grid, f"l{layer}", width, units, direction=direction, lengths=n)
            t = draft.add("Transpose", [y], f"t{layer}", perm=(0, 2, 1, 3))
            x = draft.add("Reshape", [t, "shape"], f"r{layer}", shape=("T", "B", None))
            grid, width, layer = None, directions * units, layer + 1
        if factor > 1:
            x, n = reduced(draft, x, factor, number), counts(draft, n, factor, number)
            width *= factor
    y = draft.linear(x, f"l{layer - 1}.h", "y", width, 10)
    return {"model": draft.made(y)}


def feeds(seed, frames, batch):
    random = np.random.default_rng([seed, frames])
    lengths = random.integers(1, frames + 1, batch)
    lengths[0] = frames
    return {"x": random.normal(0, 2, (frames, batch, FEATURES)).astype(np.float32), "n": lengths}


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_one_reduction(factor, direction):
    machine = Machine(encoder([factor], direction=direction))
    for frames in (1, 2, 3, 4, 7, 12):
        machine.agree(feeds(0, frames, 3))


def test_two_reductions():
    machine = Machine(encoder([2, 3]))
    for frames in (1, 5, 6, 7, 13):
        machine.agree(feeds(1, frames, 2))


def test_layers_before_the_reduction_run_over_the_frames_that_fill_up_a_row():
    machine = Machine(encoder([2], layers_before=2))
    for frames in (1, 4, 5):
        machine.agree(feeds(2, frames, 3), seeds=(None, *range(3)))


def test_units_that_leave_gaps_between_slices():
    machine = Machine(encoder([2], units=10))
    for frames in (1, 5):
        machine.agree(feeds(3, frames, 3))


def test_groups_of_units_in_folded_frames():
    for keep_weights in (True, False):
        machine = Machine(encoder([3], units=64), group_units=32, keep_weights=keep_weights)
        for frames in (1, 5, 9):
            machine.agree(feeds(4, frames, 2))


def without_lengths(factor, number=0, form="int8", zero_point=-20, turned=False):
    """Frames of the input, of a product and of an LSTM side by side, by copies; all but one."""
    draft = Draft()
    grid = draft.grid("x.grid", form, 0.04, zero_point)
    axes = ("B", "T") if turned else ("T", "B")
    x = draft.enter("x", *axes, FEATURES)
    if turned:
        x = draft.add("Transpose", [x], "turned", perm=(1, 0, 2), shape=("T", "B", FEATURES))
    q = draft.add("Identity", [(x, grid)], "q")
    folded = reduced(draft, q, factor, 0)
    y = draft.linear(q, grid, "y", FEATURES, 24)
    z = reduced(draft, draft.add("Tanh", [y], "z"), factor, 1)
    h = draft.lstm(x, grid, "l", FEATURES, 10, direction="bidirectional")
    draft.constant("shape", np.array([0, 0, -1]))
    t = draft.add("Transpose", [h], "t", perm=(0, 2, 1, 3))
    r = reduced(draft, draft.add("Reshape", [t, "shape"], "r"), factor, 2)
    made = [
        draft.linear(folded, grid, "a", factor * FEATURES, 9),
        draft.linear(z, draft.grid("z.grid", "int4", 0.14), "b", factor * 24, 9),
        draft.linear(r, "l.h", "c", factor * 20, 9),
    ]
    k = draft.lstm(r, None, "k", factor * 20, 12, direction="reverse")
    del made[number]
    return {"model": draft.made(*made, k)}


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize(("form", "zero_point"), [("int8", -20), ("int4", 0), ("uint4", 5)])
def test_copies_where_frames_have_other_readers(factor, form, zero_point):
    for number in range(3):
        machine = Machine(without_lengths(factor, number, form, zero_point))
        for frames in (1, 2, 3, 4, 7):
            machine.agree({"x": feeds(5, frames, 3)["x"]})


def test_folded_frames_of_directions_one_after_the_other():
    machine = Machine(encoder([2], units=96), target_of(72), batch=4)
    assert sum(word.mnemonic == "bar" for word in machine.program.code) == 11
    for frames in (1, 4, 5):
        machine.agree(feeds(8, frames, 3))


def test_copies_of_an_input_with_the_batch_first():
    machine = Machine(without_lengths(2, turned=True))
    for frames in (1, 4, 5):
        machine.agree({"x": feeds(6, frames, 2)["x"].swapaxes(0, 1)}, seeds=(None, *range(3)))


def test_a_copy_and_none_of_the_same_frames():
    """The frames of the input by a copy, those of an LSTM with lengths without one."""
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.04, -20)
    x, n = draft.enter("x", "T", "B", FEATURES), draft.enter("n", "B", dtype="int64")
    h = draft.lstm(x, grid, "l", FEATURES, 32, lengths=n)
    draft.constant("one", np.array([1]))
    r = reduced(draft, draft.add("Squeeze", [h, "one"], "s"), 2, 0)
    q = reduced(draft, draft.add("Identity", [(x, grid)], "q"), 2, 1)
    made = [
        draft.linear(r, "l.h", "a", 64, 9),
        draft.linear(q, grid, "b", 2 * FEATURES, 9),
        draft.linear(x, grid, "c", FEATURES, 9),
    ]
    machine = Machine({"model": draft.made(*made)}, chunk_rows=4)
    for frames in (1, 4, 5):
        machine.agree(feeds(7, frames, 3))


def test_no_copy_is_made():
    """The code of a reduction is that of the store: as many phases as without it."""
    bars = [
        sum(word.mnemonic == "bar" for word in Machine(encoder(each)).program.code)
        for each in ([2], [])
    ]
    assert bars[0] - bars[1] == 3  # a product, and two for the LSTM behind it
