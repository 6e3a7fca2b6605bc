"""Timing of lowered programs: the products of the graph, and more memory is never slower."""

from dataclasses import replace

import pytest
from agreement import target_of

from q4compile.isa.engine import Precision
from q4compile.isa.target import load_target
from q4compile.lower.files import read_parts
from q4compile.lower.lower import lowered
from q4compile.lower.options import Options
from q4compile.sim.timing.comparison import Side, SlowerPrecision, causes_of, require_no_slower
from q4compile.sim.timing.entry_timing import time_entry

RAPID1 = load_target("rapid1")
SIZES = {
    "encoder": {"batch": 3, "frames": 40},
    "predictor": {"batch": 2, "labels": 7},
    "joint": {"batch": 2, "steps": 5, "labels": 7},
}


@pytest.fixture(scope="module")
def parts(quantized):
    return read_parts(quantized("rnnt"))


@pytest.fixture(scope="module")
def program(parts):
    return lowered(parts, RAPID1)


@pytest.mark.parametrize("entry", SIZES)
def test_products_are_those_of_the_graph(program, entry):
    """Those of one step, times the steps; behind a time reduction a step is two frames."""
    found = time_entry(program.program, entry, SIZES[entry], RAPID1)
    steps = 1
    for name, size in SIZES[entry].items():
        steps *= size // 2 if name == "frames" else size
    assert found.work.macs == program.figures[f"{entry}_macs_per_step"] * steps > 0


@pytest.mark.parametrize("entry", SIZES)
def test_skipping_changes_nothing(program, entry):
    short, full = (
        time_entry(program.program, entry, SIZES[entry], RAPID1, skips=each)
        for each in (True, False)
    )
    assert replace(short, words_run=0) == replace(full, words_run=0)


def test_more_memory_is_hardly_ever_slower(parts):
    """With more of it, larger chunks overlap a little less: 3 % at most over long utterances."""
    least = None
    for kib in (256, 512, 1024, 2048, 8192):
        target = target_of(kib)
        done = lowered(parts, target, Options(batch=2)).program
        cycles = time_entry(done, "encoder", {"batch": 1, "frames": 4000}, target).cycles
        assert least is None or cycles <= 1.03 * least
        least = min(cycles, least or cycles)


def test_a_narrower_precision_that_is_slower_is_told(program):
    timings = [time_entry(program.program, n, SIZES[n], RAPID1) for n in SIZES]
    slow = [replace(each, cycles=each.cycles + 1) for each in timings]
    wide, narrow = Side("a", Precision.FP16, tuple(timings)), Side("b", Precision.INT4, tuple(slow))
    require_no_slower([wide, Side("b", Precision.INT4, tuple(timings))])
    with pytest.raises(SlowerPrecision, match=r"encoder: \d+ cycles at fp16"):
        require_no_slower([wide, narrow])


def test_causes_add_up_to_the_time(program):
    """Four times the bytes are bytes; what is beyond that is capacity."""
    timings = tuple(time_entry(program.program, n, SIZES[n], RAPID1) for n in SIZES)
    narrow = Side("int4", Precision.INT4, timings)
    assert sum(causes_of(narrow, narrow).values()) == pytest.approx(narrow.seconds)
    assert causes_of(narrow, narrow)["capacity"] == 0
    wide = Side(
        "fp16", Precision.FP16, tuple(replace(each, work=each.work * 16) for each in timings)
    )
    causes = causes_of(wide, narrow)
    assert causes["capacity"] == pytest.approx(3 * causes["dram bytes"])
    assert sum(causes.values()) == pytest.approx(wide.seconds)
