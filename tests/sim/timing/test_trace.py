"""Traces: their spans are the run that is timed; SRAM is in use while something will read it."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from bilstm_program import Sizes, bilstm_program

from q4compile.isa.engine import Engine
from q4compile.isa.target import load_target
from q4compile.sim.timing.entry_timing import time_entry
from q4compile.sim.timing.occupancy import sram_levels
from q4compile.sim.timing.trace import trace_entry

RAPID1 = load_target("rapid1")
PROGRAM, _, _ = bilstm_program(replace(Sizes(2, 64, 64, 64, 100_000), max_steps=64))
SIZES = {"T": 30}
ALL = 1_000_000


@pytest.fixture(scope="module")
def trace():
    return trace_entry(PROGRAM, "encoder", SIZES, RAPID1, ALL)


def test_a_trace_is_the_run_that_is_timed(trace):
    timed = time_entry(PROGRAM, "encoder", SIZES, RAPID1)
    assert trace.cycles == timed.cycles
    assert trace.dropped == 0
    assert all(0 <= each.begin <= each.end <= trace.cycles for each in trace.spans)
    for engine in (Engine.MX, Engine.VX):
        own = [each for each in trace.spans if each.item.engine == engine]
        busy = timed.engines[engine.name.lower()].busy_cycles
        assert sum(each.end - each.begin for each in own) == busy
    moved = sum(each.item.cost.work.dram_bytes for each in trace.spans)
    assert moved == timed.work.dram_bytes


def test_an_engine_does_one_word_at_a_time(trace):
    for engine in (Engine.LD, Engine.ST, Engine.MX, Engine.VX):
        own = sorted((s.begin, s.end) for s in trace.spans if s.item.engine == engine)
        assert all(a[1] <= b[0] for a, b in pairwise(own))


def test_what_is_dropped_is_counted(trace):
    short = trace_entry(PROGRAM, "encoder", SIZES, RAPID1, 10)
    assert short.spans[:10] == pytest.approx(short.spans) and len(short.spans) == 10
    assert short.dropped == len(trace.spans) - 10
    assert short.cycles == trace.cycles


def test_sram_is_in_use_from_a_writing_to_the_last_reading(trace):
    levels = sram_levels(trace, 0, trace.spans)
    assert levels[0].bytes == levels[-1].bytes == 0
    assert all(0 <= each.bytes <= RAPID1.sram.size_bytes for each in levels)
    assert [each.cycle for each in levels] == sorted(each.cycle for each in levels)
    # Recurrent weights of a layer are there while its loop runs: 2 directions of 64 x 256 nibbles.
    middle = [each.bytes for each in levels if each.cycle < trace.cycles * 0.4]
    assert max(middle) > 2 * 64 * 256 // 2


def test_the_words_of_a_trace_are_those_of_the_code(trace):
    mnemonics = Counter(trace.word(each).mnemonic for each in trace.spans)
    assert mnemonics["lstm"] == 2 * 2 * SIZES["T"]
    assert {trace.node(each) for each in trace.spans} <= {"", "/layer0", "/layer1"}
