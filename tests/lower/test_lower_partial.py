"""Recurrences of which some weights stay on chip: the oracle's codes, and fewer bytes that load."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, Machine, target_of
from networks_to_lower import Draft
from test_lower_lstm import sequences, stepwise

from q4compile.isa.instructions import Gru, Ldc, Loop, Lstm, Rnn, SetS
from q4compile.isa.operand import Scalar
from q4compile.lower.phases.grouping import Grouping
from q4compile.lower.plan.partial_grouping import with_partial
from q4compile.sim.timing.entry_timing import time_entry

FEATURES = 12
WORDS = {"LSTM": Lstm, "GRU": Gru, "RNN": Rnn}
KIB = {"LSTM": 88, "GRU": 64, "RNN": 28}
"""So much that a part of the weights fits."""


def encoder(op, direction, units, form="int4"):
    draft = Draft()
    x, grid = draft.enter("x", "T", "B", FEATURES), draft.grid("x.grid", "int8", 0.04, -20)
    n = draft.enter("n", "B", dtype="int64")
    given = {"direction": direction, "lengths": n, "form": form}
    if op == "LSTM":
        return {"model": draft.made(draft.lstm(x, grid, "g", FEATURES, units, **given))}
    return {"model": draft.made(draft.gated(op, x, grid, "g", FEATURES, units, **given))}


def feed(seed, frames, batch):
    random = np.random.default_rng([seed, frames])
    x = random.normal(0, 2, (frames, batch, FEATURES)).astype(np.float32)
    return {"x": x, "n": random.integers(1, frames + 1, batch)}


def steps(machine, op):
    """Words of steps: one for each group of a turn."""
    return sum(isinstance(each, WORDS[op]) for each in machine.program.code)


def step_bytes(machine, target):
    """What moves between DRAM and chip from one step to the next."""
    work = [
        time_entry(machine.program, "model", {"T": frames, "B": 1}, target).work.dram_bytes
        for frames in (32, 33)
    ]
    return work[1] - work[0]


@pytest.mark.parametrize("op", WORDS)
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_some_stay(op, direction):
    machine = Machine(encoder(op, direction, 192), target_of(KIB[op]), batch=2)
    assert steps(machine, op) > 2
    for frames in (1, 2, 5):
        machine.agree(feed(0, frames, 2), seeds=(None, 0, 1, 2))


def test_those_that_come_by_may_be_coded():
    given = {"form": "int2"}
    parts = encoder("LSTM", "bidirectional", 192, **given)
    raw, coded = (
        Machine(parts, target_of(KIB["LSTM"]), batch=2, code_weights=on) for on in (False, True)
    )
    assert len(coded.program.data) < 0.8 * len(raw.program.data)
    assert any(isinstance(each, Ldc) for each in coded.program.code)
    coded.agree(feed(0, 5, 2), seeds=(None, 0, 1))


def test_on_several_cores():
    target = replace(target_of(160), cores=2)
    machine = Machine(encoder("LSTM", "bidirectional", 384), target, batch=2)
    assert steps(machine, "LSTM") > 2
    for frames in (1, 2, 5):
        machine.agree(feed(1, frames, 2), seeds=(None, 0, 1, 2))


def test_what_stays_does_not_load_again():
    """A third of the weights stays: a third fewer bytes for each step."""
    parts = encoder("LSTM", "forward", 192)
    target = target_of(KIB["LSTM"])
    partial = Machine(parts, target, batch=2)
    streamed = Machine(parts, target, batch=2, keep_weights=False)
    few, all_ = (step_bytes(each, target) for each in (partial, streamed))
    assert few < 0.75 * all_


def test_order():
    """All before some, those before none; of some, the fewest bytes first."""
    given = [Grouping(32, 6, True), Grouping(32, 6, False), Grouping(16, 12, False)]
    found = list(with_partial(given))
    assert found[0].is_resident and found[-2:] == given[1:]
    passing = [each.passing_units for each in found[1:-2]]
    assert passing == sorted(passing) and passing[0] == 2 * 2 * 16
    for each in found[1:-2]:
        assert each.turns * each.turn == each.groups
        assert each.kept_groups + each.turns * (each.turn - each.kept) == each.groups
        assert each.passing_slots == each.turn - each.kept >= 2


@pytest.mark.parametrize("cores", [1, 2])
def test_what_stays_loads_in_the_first_step(cores):
    """States are ports: the first group is multiplied while the others still load."""
    parts = stepwise(256, hidden_form="int4")
    machine = Machine(parts, replace(RAPID1, cores=2), cores=cores)
    (load,) = (each for each in loads_of_weights(machine) if each.source.register)
    assert load.rows * load.row_bytes < 256 * 4 * 256 / 2 / cores / 2
    for frames in (1, 2, 4):
        states = {"h": (1, 3, 256), "c": (1, 3, 256)}
        machine.agree(sequences(0, frames, 3, **states), seeds=(None, 0, 1, 2))


def loads_of_weights(machine):
    """Those in a loop that runs in the first step only."""
    code = machine.program.code
    counted = {each.register for each in code if isinstance(each, SetS) and each.value == 1}
    for n, word in enumerate(code):
        if (
            isinstance(word, Loop)
            and isinstance(word.count, Scalar)
            and word.count.index in counted
        ):
            yield from (each for each in code[n + 1 : n + 1 + word.length])
