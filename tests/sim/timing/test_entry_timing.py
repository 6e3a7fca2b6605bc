"""Timing of whole entries: what always holds, what more of a resource changes, what is refused."""

from dataclasses import replace

import pytest
from bilstm_program import Sizes, bilstm_program

from q4compile.errors import DataError
from q4compile.isa.target import load_target
from q4compile.sim.timing import entry_timing
from q4compile.sim.timing.entry_timing import time_entry
from q4compile.sim.timing.self_checks import TimingContradiction
from q4compile.sim.timing.tally import Place

RAPID1 = load_target("rapid1")
SMALL = Sizes(2, 64, 64, 64, 100_000)
PROGRAM, _, _ = bilstm_program(replace(SMALL, max_steps=64))


def timing(steps, target=RAPID1, **given):
    return time_entry(PROGRAM, "encoder", {"T": steps}, target, **given)


def test_skipping_changes_nothing_but_the_words_that_are_run():
    short, full = timing(60), timing(60, skips=False)
    assert short.words_run < full.words_run == full.work.words
    assert replace(short, words_run=0) == replace(full, words_run=0)


def test_what_the_work_is():
    """2 layers, 2 directions: x · Wx of all steps, h · Wh of each."""
    found = timing(60).work
    widths = 64 + 64 + 128 + 64
    assert found.macs_int4 == found.macs == 2 * 60 * widths * 256
    assert timing(61).work.macs - found.macs == 2 * widths * 256
    assert found.dram_burst_bytes >= found.dram_bytes


def test_everything_is_accounted_for():
    found = timing(40)
    assert sum(found.overlap) == found.cycles == sum(each.cycles for each in found.nodes)
    for engine in found.engines.values():
        total = engine.busy_cycles + sum(engine.stalls.values()) + engine.done_cycles
        assert total == found.cycles
    assert found.floor_cycles == max(found.bounds.values()) <= found.cycles <= found.serial_cycles
    assert [each.name for each in found.nodes] == ["", "/layer0", "/layer1"]
    assert sum((each.work for each in found.nodes[1:]), found.nodes[0].work) == found.work
    assert sum(each.energy.total_pj for each in found.nodes) == pytest.approx(found.energy.total_pj)
    assert sum(found.energy.shares().values()) == pytest.approx(1)


CHANGES = {
    "bandwidth": lambda n: replace(
        RAPID1, dram=replace(RAPID1.dram, gigabytes_per_second=16.0 * n)
    ),
    "bursts in flight": lambda n: replace(
        RAPID1, dram=replace(RAPID1.dram, outstanding_bursts=4 * n)
    ),
    "latency": lambda n: replace(RAPID1, dram=replace(RAPID1.dram, latency_cycles=640 // n)),
    "lanes": lambda n: replace(RAPID1, vector=replace(RAPID1.vector, lanes=16 * n)),
    "weight port": lambda n: replace(
        RAPID1, sram=replace(RAPID1.sram, weight_port_bytes_per_cycle=16 * n)
    ),
    "issue": lambda n: replace(RAPID1, sequencer=replace(RAPID1.sequencer, issue_cycles=64 // n)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_more_of_anything_is_never_slower(what):
    cycles = [timing(30, CHANGES[what](n)).cycles for n in (1, 2, 4, 8, 16)]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > cycles[-1]


def test_a_contradiction_is_told_as_ours(monkeypatch):
    """A word that was counted once too often breaks the counts, the sums and the nodes."""
    true_run = entry_timing.run_entry

    def wrong(*given, **more):
        run = true_run(*given, **more)
        run.tally[-len(Place) + Place.EXECUTED] += 1
        run.tally[0] += 1
        run.now -= 1
        return run

    monkeypatch.setattr(entry_timing, "run_entry", wrong)
    with pytest.raises(TimingContradiction) as caught:
        timing(3)
    text = str(caught.value)
    assert "entry 'encoder' at T=3 on rapid1 contradicts itself" in text
    assert "classes of overlap sum to" in text
    assert "is executed 2 times, not 1" in text


@pytest.mark.parametrize(
    ("sizes", "got"),
    [({}, "no size of T"), ({"T": 0}, "0"), ({"T": 65}, "65"), ({"T": 1, "B": 2}, "'B'")],
)
def test_sizes_that_the_entry_does_not_have(sizes, got):
    with pytest.raises(DataError) as caught:
        time_entry(PROGRAM, "encoder", sizes, RAPID1)
    (finding,) = caught.value.findings
    assert (finding.code, finding.got) == ("Q575", got)


def test_an_unknown_entry():
    with pytest.raises(KeyError):
        time_entry(PROGRAM, "decoder", {}, RAPID1)
