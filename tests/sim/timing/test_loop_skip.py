"""Skipping steady states of loops changes nothing: cycles, stalls, bytes, counts of every word."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_programs import COUNT, FALLING, HELD, loop_program

from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instructions import Halt, Ldd, Loop, Meet, Mm, Nop, SetS, Share, Std
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.target import load_target
from q4compile.sim.timing.cost import cost_of
from q4compile.sim.timing.events import run_entry
from q4compile.sim.timing.tally import Place, row_of

RAPID1, RAPID4 = load_target("rapid1"), load_target("rapid4")
HERE = Address(0)


def mailbox(count=5, falling=999):
    registers = [0] * 16
    registers[COUNT], registers[FALLING] = count, falling
    return registers


def both(code, mailboxes, target=RAPID1):
    """The run with skips, which is as the run without."""
    full = run_entry(code, 0, mailboxes, target, skips=False)
    short = run_entry(code, 0, mailboxes, target)
    assert short.now == full.now
    assert short.tally == full.tally
    assert [each.index for each in short.items.found] == [each.index for each in full.items.found]
    for mine, its in zip(short.cores, full.cores, strict=True):
        assert mine.control.s == its.control.s
        assert mine.levels == its.levels
    return short, full


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 9))
def test_any_nest_of_loops_takes_the_same_cycles(seed, count):
    both(loop_program(random.Random(seed)), [mailbox(count)])


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 6), min_size=2, max_size=3))
def test_cores_that_share_a_dram_take_the_same_cycles(seed, counts):
    """Whether they all have the same counts or not; those that do also meet and share."""
    both(loop_program(random.Random(seed)), [mailbox(each) for each in counts], RAPID4)
    together = loop_program(random.Random(seed), together=True)
    both(together, [mailbox(counts[0]) for _ in counts], RAPID4)


STEP = [
    Ldd(HERE, HERE, 1, 1280, 1280, 1280, wait=1, post=2),
    Mm(HERE, HERE, HERE, None, 1, 640, 160, Precision.INT4, wait=2, post=5),
    Std(HERE, HERE, 1, 80, 80, 80, wait=4),
]


def steps(count, extra=()):
    body = [*STEP, *extra]
    return [Nop(Engine.MX, post=1), Loop(0, count, len(body)), *body, Halt()]


@pytest.mark.parametrize("count", [1, 2, 50, 999])
def test_a_long_loop_is_run_for_some_iterations(count):
    short, full = both(steps(count), [mailbox()])
    assert full.words == 2 + 3 * count + 1
    assert short.words < 80


def test_a_million_iterations_take_as_many_words_as_a_thousand():
    short = run_entry(steps(1000), 0, [mailbox()], RAPID1)
    long = run_entry(steps(1_000_000), 0, [mailbox()], RAPID1)
    assert abs(long.words - short.words) < 10
    assert long.now > 900 * short.now


def test_counts_that_change_in_every_iteration_are_no_steady_state():
    extra = [SetS(FALLING, -1, 1, FALLING), Ldd(HERE, HERE, Scalar(FALLING), 640, 640, 640)]
    short, full = both(steps(40, extra), [mailbox(falling=41)])
    assert short.words == full.words


def test_chunks_of_many_rows_are_a_steady_state_but_for_the_last():
    """The least of a chunk and what is left: 40 chunks of 20 rows, and one of 13."""
    chunk = [SetS(HELD, 0, 1, FALLING, 20), SetS(FALLING, -20, 1, FALLING)]
    body = [*chunk, Ldd(HERE, HERE, Scalar(HELD), 640, 640, 640)]
    code = [Loop(0, 41, len(body)), *body, Halt()]
    short, full = both(code, [mailbox(falling=813)])
    assert short.words < 50 < full.words
    rows = {(item.index, item.cost.work.dram_read_bytes // 640) for item in short.items.found}
    assert {(3, 20), (3, 13)} <= rows


def test_the_last_chunks_are_run_where_several_are_short():
    """20 rows each, then 18, 13, 8 and 3."""
    chunk = [SetS(HELD, 0, 1, FALLING, 20), SetS(FALLING, -5, 1, FALLING)]
    body = [*chunk, Ldd(HERE, HERE, Scalar(HELD), 640, 640, 640)]
    short, full = both([Loop(0, 41, len(body)), *body, Halt()], [mailbox(falling=203)])
    assert short.words < full.words / 2


def test_a_number_that_changes_but_is_no_count_within_goes_on_where_it_would_be():
    behind = Ldd(HERE, HERE, Scalar(FALLING), 640, 640, 640)
    code = [*steps(30, [SetS(FALLING, -1, 1, FALLING)])[:-1], behind, Halt()]
    short, full = both(code, [mailbox(falling=41)])
    assert short.words < full.words / 2
    assert short.cores[0].control.s[FALLING] == 11


def test_posts_that_pile_up_are_no_steady_state():
    """200 of them are there at the end, and one more loop finds them."""
    code = [Loop(0, 200, 1), Nop(Engine.VX, post=1), Loop(0, 200, 1), Nop(Engine.MX, wait=1)]
    short, full = both([*code, Halt()], [mailbox()])
    assert short.words == full.words


def test_cores_that_meet_wait_for_the_last_one():
    """Each loads as many rows as it has; nobody goes on before the core with the most."""
    code = [Ldd(HERE, HERE, Scalar(COUNT), 640, 640, 640), Meet(2), Mm(*PRODUCT), Halt()]
    run = run_entry(code, 0, [mailbox(1), mailbox(400)], RAPID4)
    alone = run_entry(code, 0, [mailbox(400)], RAPID4)
    assert run.now >= alone.now
    began = [core.stations[Engine.MX].since for core in run.cores]
    assert began[0] == began[1]


def test_parts_go_around_the_ring():
    """3 · (60 + 640 / 64) cycles, from when the last of four cores is there."""
    code = [Nop(Engine.ST), Share(HERE, 1, 640, 640), Halt()]
    run = run_entry(code, 0, [mailbox()] * 4, RAPID4)
    ready = 16
    assert run.now == ready + 3 * (60 + 10)
    late = [Ldd(HERE, HERE, Scalar(COUNT), 640, 640, 640, post=1), Nop(Engine.ST, wait=1)]
    run = run_entry([*late, *code], 0, [mailbox(0), mailbox(0), mailbox(0), mailbox(90)], RAPID4)
    (share,) = [item for item in run.items.found if item.is_shared]
    waited = run.tally[row_of(share.number) + Place.CORES]
    assert waited > 3 * cost_of(late[0], 90, RAPID4).work_cycles
    (alone,) = run_entry(code, 0, [mailbox()], RAPID1).cores
    assert not any(run.tally[row_of(share.number) + place] for place in (Place.MX, Place.VX))
    assert alone.has_halted


PRODUCT = (HERE, HERE, HERE, None, 1, 640, 160, Precision.INT4)
