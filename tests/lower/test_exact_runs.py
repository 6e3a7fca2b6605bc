"""Whatever the machine, the tiles and the order of its engines: all codes of the oracle.

`benchmarks/exactness.py` is the same over recorded speech, more models and more orders.
"""

import numpy as np
import pytest
from exact_runs import Counts, Exact, run_all
from networks_to_lower import Draft
from targets_to_try import TRIALS
from test_lower_random import FEATURES, Stack

from q4compile.lower.files import read_parts
from q4compile.lower.lower import lower
from q4compile.quantize.oracle.thresholds import compare_thresholds
from q4compile.sim.simulator import Simulator

LONGEST = 100_000
FEW = TRIALS[0], TRIALS[2], TRIALS[6], TRIALS[8]


def speech_like(seed, batch, frames, labels):
    random = np.random.default_rng(seed)
    return {
        "features": random.normal(0, 1.5, (batch, frames, 120)).astype(np.float32),
        "feature_lengths": np.maximum(frames - 3 * np.arange(batch), 1),
        "tokens": random.integers(0, 29, (batch, labels)),
    }


@pytest.mark.parametrize("cell_bits", [16, 32])
def test_every_value_on_every_machine(quantized, cell_bits):
    exact, counts = Exact(dict(read_parts(quantized("rnnt"))), cell_bits), Counts()
    expected = list(exact.expected(speech_like(5, 2, 6, 2)))
    seen, programs = set(), set()
    for n, trial in enumerate(FEW):
        program = exact.program(trial)
        assert program is not None, trial.name
        programs.add(program.code)
        outputs = run_all(program, trial, expected, (n,), counts)
        seen.add(tuple(sorted(outputs.items())))
    assert counts.different == 0, counts.first
    assert counts.tensors >= 9 * len(FEW)
    assert len(seen) == 1, "schedules change no output"
    assert len(programs) == len(FEW)


@pytest.mark.parametrize("cell_bits", [16, 32])
@pytest.mark.parametrize("seed", range(100, 104))
def test_random_networks_on_every_machine(seed, cell_bits):
    stack, counts = Stack(seed), Counts()
    exact = Exact(stack.made(), cell_bits)
    random = np.random.default_rng(seed)
    feeds = {"x": random.normal(0, 1, (5, 2, FEATURES)).astype(np.float32)}
    if any(port.name == "n" for port in exact.parts["model"].inputs):
        feeds["n"] = np.array([5, 3])
    expected = list(exact.expected(feeds))
    for n, trial in enumerate(FEW[seed % 2 :: 2]):
        program = exact.program(trial)
        if program is not None:
            run_all(program, trial, expected, (None, n), counts)
    assert counts.different == 0, counts.first
    assert counts.interleavings == 2


def long_model(units=16):
    """An LSTM that runs forward, with its state as ports, and a product behind it."""
    draft = Draft(8)
    x = draft.enter("x", "T", "B", 8)
    grid = draft.grid("x.grid", "int8", 0.05, 3)
    draft.constant("shape", np.array([0, 0, -1]))
    y = draft.lstm(x, grid, "l", 8, units)
    t = draft.add("Transpose", [y], "t", perm=(0, 2, 1, 3))
    r = draft.add("Reshape", [t, "shape"], "r", shape=("T", "B", None))
    return {"model": draft.made(draft.linear(r, "l.h", "y", units, 12))}


def test_one_program_for_one_step_and_a_hundred_thousand():
    trial = TRIALS[2]
    exact = Exact(long_model())
    program = lower(exact.parts.items(), trial.target, trial.options)
    machine = Simulator(program, sram_bytes=trial.target.sram.size_bytes)
    x = np.random.default_rng(0).normal(0, 1, (LONGEST, 1, 8)).astype(np.float32)
    whole = machine.run("model", {"x": x}).codes["y"]
    assert whole.shape == (LONGEST, 1, 12)
    ((_, _, start),) = exact.expected({"x": x[:1500]})
    np.testing.assert_array_equal(whole[:1500], start["y"].codes)
    np.testing.assert_array_equal(machine.run("model", {"x": x[:1]}).codes["y"], whole[:1])
    assert len(np.unique(whole[-1000:], axis=0)) > 900, "the end is computed too"


@pytest.mark.parametrize("recipe", ["rnnt", "w2a4"])
def test_every_requantizer_is_that_of_the_file_but_those_of_h(quantized, recipe):
    exact = Exact(dict(read_parts(quantized(recipe))))
    for decisions in exact.decisions.values():
        for name, each in compare_thresholds(decisions).items():
            assert name.endswith(".h") or each.equal_channels == each.channels, name
