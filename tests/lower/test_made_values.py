"""Values between nodes, found in DRAM as soon as they are whole, in any order of engines."""

import numpy as np
import pytest
from agreement import Machine, target_of
from networks_to_lower import Draft

from q4compile.quantize.oracle.tensor import Grid


def deep(form="int4", zero_point=0):
    """Two LSTMs in both directions and three products: more values than one area holds."""
    draft = Draft(3)
    x = draft.enter("x", "T", "B", 12)
    wide = draft.grid("x.grid", "int8", 0.04, 5)
    draft.constant("shape", np.array([0, 0, -1]))
    for n in range(2):
        y = draft.lstm(x, wide, f"l{n}", 12 if n == 0 else 48, 24, direction="bidirectional")
        t = draft.add("Transpose", [y], f"t{n}", perm=(0, 2, 1, 3))
        x, wide = draft.add("Reshape", [t, "shape"], f"r{n}", shape=("T", "B", None)), f"l{n}.h"
    for n in range(2):
        narrow = draft.grid(f"g{n}", form, 0.2, zero_point) if n else wide
        x = draft.linear(x, narrow, f"y{n}", 48, 48)
    return {"model": draft.made(draft.linear(x, draft.grid("last"), "z", 48, 20))}


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize(("form", "zero_point"), [("int4", 0), ("uint4", 9)])
def test_inner_values_are_those_of_the_oracle(form, zero_point, seed):
    machine = Machine(deep(form, zero_point), target_of(512), chunk_rows=8)
    feeds = {"x": np.random.default_rng(1).normal(0, 1, (11, 3, 12)).astype(np.float32)}
    expected = machine.agree(feeds, seeds=())
    found = machine.simulator.run("model", feeds, seed=seed, record=True)
    made = machine.program.entry("model").made
    assert [each.layout.name for each in made] == ["l0", "l1", "y0", "y1", "z"]
    assert [machine.program.nodes[each.node] for each in made[:2]] == ["/l0", "/l1"]
    for each in made:
        wanted, kind = expected[each.layout.name], expected[each.layout.name].representation
        offset = kind.zero_point - each.layout.zero_point if isinstance(kind, Grid) else 0
        codes = np.asarray(found.made[each.layout.name], np.int64) + offset
        np.testing.assert_array_equal(codes, wanted.codes, each.layout.name)
    np.testing.assert_array_equal(found.made["z"], found.codes["z"])


def test_layers_that_share_their_code_are_told_apart():
    """In a loop over layers the same word comes next once for each."""
    draft = Draft(4)
    x, grid = draft.enter("x", "T", "B", 48), draft.grid("h", "int4", 0.15)
    draft.constant("shape", np.array([0, 0, -1]))
    for n in range(4):
        y = draft.lstm(x, grid, f"l{n}", 48, 24, direction="bidirectional", hidden="h")
        t = draft.add("Transpose", [y], f"t{n}", perm=(0, 2, 1, 3))
        x = draft.add("Reshape", [t, "shape"], f"r{n}", shape=("T", "B", None))
    machine = Machine({"model": draft.made(draft.linear(x, grid, "z", 48, 20))})
    made = machine.program.entry("model").made
    assert max(each.visit for each in made) > 0
    feeds = {"x": np.random.default_rng(1).normal(0, 1, (6, 2, 48)).astype(np.float32)}
    expected = machine.agree(feeds, seeds=())
    for seed in (None, 0):
        found = machine.simulator.run("model", feeds, seed=seed, record=True).made
        assert list(found) == ["l0", "l1", "l2", "l3", "z"]
        for name, codes in found.items():
            np.testing.assert_array_equal(codes, expected[name].codes, name)


def test_recording_changes_no_result():
    machine = Machine(deep())
    feeds = {"x": np.random.default_rng(2).normal(0, 1, (4, 2, 12)).astype(np.float32)}
    plain, recorded = (machine.simulator.run("model", feeds, record=r) for r in (False, True))
    assert not plain.made and plain.counters == recorded.counters
    np.testing.assert_array_equal(plain.codes["z"], recorded.codes["z"])


def test_areas_are_used_again():
    """What is looked at must be looked at in time: a later value lies where an early one was."""
    made = Machine(deep()).program.entry("model").made
    starts = [each.start for each in made if each.layout.name != "z"]
    assert len(set(starts)) < len(starts)
