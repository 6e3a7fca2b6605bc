"""LSTMs of every kind on the machine: the oracle's codes, whatever the tiles and the order."""

import numpy as np
import pytest
from agreement import Machine, target_of
from networks_to_lower import Draft

from q4compile.isa.instructions import Ldd

FEATURES = 12


def features(draft):
    grid = draft.grid("x.grid", "int8", 0.04, -20)
    return draft.enter("x", "T", "B", FEATURES), grid


def sequences(seed, frames, batch, lengths=False, **states):
    random = np.random.default_rng(seed)
    feeds = {"x": random.normal(0, 2, (frames, batch, FEATURES)).astype(np.float32)}
    if lengths:
        feeds["n"] = random.integers(1, frames + 1, batch)
    for name, shape in states.items():
        feeds[name] = random.normal(0, 0.7, shape).astype(np.float32)
    return feeds


def encoder(direction, units, lengths=False, layers=1, **given):
    draft = Draft()
    x, grid = features(draft)
    count = 2 if direction == "bidirectional" else 1
    draft.constant("shape", np.array([0, 0, -1]))
    n = draft.enter("n", "B", dtype="int64") if lengths else None
    width = FEATURES
    for layer in range(layers):
        y = draft.lstm(x, grid, f"l{layer}", width, units, direction=direction, lengths=n, **given)
        draft.add("Transpose", [y], f"t{layer}", perm=(0, 2, 1, 3))
        x = draft.add("Reshape", [f"t{layer}", "shape"], f"r{layer}", shape=("T", "B", None))
        grid, width = None, count * units
    return {"model": draft.made(y)}


def stepwise(units, **given):
    """One direction, with its states as ports."""
    draft = Draft()
    x, grid = features(draft)
    h, c = draft.enter("h", 1, "B", units), draft.enter("c", 1, "B", units)
    draft.lstm(x, grid, "l", FEATURES, units, h=h, c=c, outputs=("y", "h1", "c1"), **given)
    return {"model": draft.made("y", "h1", "c1")}


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [False, True])
def test_directions_and_lengths(direction, lengths):
    machine = Machine(encoder(direction, 32, lengths, layers=2))
    for seed, (frames, batch) in enumerate([(1, 1), (2, 5), (7, 3), (4, 32)]):
        machine.agree(sequences(seed, frames, batch, lengths))


@pytest.mark.parametrize(
    ("hidden_form", "form", "recurrent_form"),
    [
        ("int4", "int4", "int4"),
        ("int3", "int3", "int3"),
        ("int4", "int4", "int8"),
        ("int8", "int4", "int4"),
        ("int8", "int8", "int8"),
        ("uint8", "int4", "int4"),
        ("uint4", "int8", "int4"),
    ],
)
def test_formats(hidden_form, form, recurrent_form):
    zero = {"uint8": 120, "uint4": 7}.get(hidden_form, 0)

    def made(draft):
        return draft.grid("l.h", hidden_form, 0.02 if "8" in hidden_form else 0.14, zero)

    draft = Draft()
    x, grid = features(draft)
    n = draft.enter("n", "B", dtype="int32")
    given = {"hidden": made(draft), "form": form, "recurrent_form": recurrent_form}
    y = draft.lstm(x, grid, "l", FEATURES, 16, direction="bidirectional", lengths=n, **given)
    machine = Machine({"model": draft.made(y)})
    machine.agree(sequences(0, 6, 3, lengths=True))


def test_a_zero_point_of_h():
    draft = Draft()
    x, grid = features(draft)
    hidden = draft.grid("l.h", "int8", 0.01, 33)
    h, c = draft.enter("h", 1, "B", 20), draft.enter("c", 1, "B", 20)
    draft.lstm(x, grid, "l", FEATURES, 20, hidden=hidden, h=h, c=c, outputs=("y", "h1", "c1"))
    machine = Machine({"model": draft.made("y", "h1", "c1")})
    machine.agree(sequences(0, 4, 3, h=(1, 3, 20), c=(1, 3, 20)))


@pytest.mark.parametrize("units", [3, 10, 31, 32, 48, 64, 100])
@pytest.mark.parametrize("hidden_form", ["int4", "int8"])
def test_any_number_of_units(units, hidden_form):
    machine = Machine(stepwise(units, hidden_form=hidden_form))
    machine.agree(sequences(units, 3, 2, h=(1, 2, units), c=(1, 2, units)))


@pytest.mark.parametrize("group_units", [16, 32, 64])
@pytest.mark.parametrize("keep_weights", [True, False])
@pytest.mark.parametrize("units", [96, 100, 128, 160])
def test_groups_of_units(units, group_units, keep_weights):
    parts = stepwise(units, hidden_form="int4" if units % 3 else "int8")
    machine = Machine(parts, group_units=group_units, keep_weights=keep_weights)
    for frames in (1, 4):
        machine.agree(sequences(units, frames, 3, h=(1, 3, units), c=(1, 3, units)))


@pytest.mark.parametrize("keep_weights", [True, False])
def test_groups_in_both_directions(keep_weights):
    parts = encoder("bidirectional", 64, lengths=True, layers=2)
    machine = Machine(parts, group_units=32, keep_weights=keep_weights)
    for seed, (frames, batch) in enumerate([(1, 1), (6, 4)]):
        machine.agree(sequences(seed, frames, batch, lengths=True), seeds=(None, *range(3)))


@pytest.mark.parametrize(
    ("kib", "batch"), [(2048, 32), (128, 8), (96, 8), (96, 4), (72, 4), (40, 1)]
)
def test_sizes_of_on_chip_memory(kib, batch):
    machine = Machine(encoder("bidirectional", 96, True), target_of(kib), batch=batch)
    machine.agree(sequences(kib, 5, batch, lengths=True))


def test_a_small_memory_has_a_plan_of_its_own():
    parts = encoder("bidirectional", 96, True)
    large, small = (Machine(parts, target_of(kib), batch=4).program for kib in (2048, 96))
    assert large.code != small.code
    loaded = [
        {
            word.row_bytes * word.rows
            for word in each.code
            if isinstance(word, Ldd) and word.rows == 1
        }
        for each in (large, small)
    ]
    assert loaded[0] != loaded[1]


def test_directions_go_one_after_the_other_where_only_one_fits():
    """All weights of one direction stay on chip; both would have to come by at every step."""
    draft = Draft()
    x, grid = features(draft)
    h, c = draft.enter("h", 2, "B", 96), draft.enter("c", 2, "B", 96)
    given = {"direction": "bidirectional", "h": h, "c": c, "outputs": ("y", "h1", "c1")}
    draft.lstm(x, grid, "l", FEATURES, 96, **given)
    parts = {"model": draft.made("y", "h1", "c1")}
    counts = {}
    for kib in (2048, 72):
        machine = Machine(parts, target_of(kib), batch=4)
        counts[kib] = sum(word.mnemonic == "bar" for word in machine.program.code)
        for frames in (1, 4):
            states = {"h": (2, 3, 96), "c": (2, 3, 96)}
            machine.agree(sequences(frames, frames, 3, **states))
    assert counts[72] == counts[2048] + 1


def test_c_in_coarse_and_fine_formats():
    for cell_range in ((-200.0, 270.0), (-0.5, 0.5), None):
        parts = stepwise(16, cell_range=cell_range)
        Machine(parts).agree(sequences(1, 5, 2, h=(1, 2, 16), c=(1, 2, 16)))


def test_ten_orders_of_the_engines():
    machine = Machine(encoder("bidirectional", 32, True, layers=2))
    machine.agree(sequences(3, 5, 3, lengths=True), seeds=range(10))


def test_only_the_last_states_are_read():
    draft = Draft()
    x, grid = features(draft)
    draft.lstm(x, grid, "l", FEATURES, 32, direction="bidirectional", outputs=("", "h1", "c1"))
    machine = Machine({"model": draft.made("h1", "c1")})
    machine.agree(sequences(4, 5, 3))


def test_batch_of_fixed_size_or_none():
    for batch in (1, 3):
        draft = Draft()
        grid = draft.grid("x.grid", "int8", 0.04, -20)
        x = draft.enter("x", "T", batch, FEATURES)
        y = draft.lstm(x, grid, "l", FEATURES, 32, direction="bidirectional")
        Machine({"model": draft.made(y)}).agree(sequences(5, 6, batch))


def test_frames_of_fixed_number():
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.04, -20)
    x = draft.enter("x", 5, "B", FEATURES)
    y = draft.lstm(x, grid, "l", FEATURES, 32, direction="bidirectional")
    Machine({"model": draft.made(y)}).agree(sequences(6, 5, 2))
