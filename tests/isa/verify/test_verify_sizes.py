"""Sizes are few, show all that loops can do, and cost what skimming says."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sound_programs import SOUND, TARGET

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Halt, Loop, Nop, SetS, Stride
from q4compile.isa.issue import issue
from q4compile.isa.operand import Scalar
from q4compile.isa.program import Dimension, Entry, Expression, Port, Scratch
from q4compile.isa.verify.host import Area, fits, prepared
from q4compile.isa.verify.sizes import MAX_WORDS, candidates, chosen, largest
from q4compile.isa.verify.skim import outline, skim

NOP = Nop(Engine.LD)
COUNTS = st.integers(0, 3) | st.builds(Scalar, st.integers(0, 3))
SETS = st.builds(SetS, st.integers(0, 3), st.integers(0, 3), st.just(0), st.integers(0, 3))
STEPS = st.builds(
    SetS,
    st.integers(0, 3),
    st.integers(0, 2),
    st.just(1),
    st.integers(0, 3),
    st.integers(1, 3),
)
"""Up to a most."""
PLAIN = st.lists(st.just(NOP) | SETS | STEPS, max_size=3)


@st.composite
def loops(draw, level=0):
    """Words with loops of up to three levels among them."""
    code = draw(PLAIN)
    if level < 3:
        for _ in range(draw(st.integers(0, 2))):
            body = draw(loops(level + 1)) or [NOP]
            code += [Loop(level, draw(COUNTS), len(body)), *body, *draw(PLAIN)]
    return code


@given(loops(), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_skimming_counts_what_is_issued(code, mailbox):
    code = [*code, Halt()]
    found = skim(outline(code), 0, [*mailbox, *[0] * 12], 10**6)
    issued = list(issue(code, 0, (*mailbox, *[0] * 12), 10**6))
    assert found.words == len(issued)
    counts = {
        (each.index, each.at.count(each.word.count))
        for each in issued
        if isinstance(each.word, Loop)
    }
    assert found.trips == counts


def test_skimming_ends_soon_after_its_limit():
    code = [Loop(0, 10**9, 3), SetS(1, 1, 1, 1), Loop(1, Scalar(1), 1), NOP, Halt()]
    assert 1000 < skim(outline(code), 0, [0] * 16, 1000).words < 2000


def test_iterations_that_set_what_there_is_are_not_counted_one_by_one():
    code = [Loop(0, 10**9, 3), SetS(1, 1, 1, 1, 60), Loop(1, Scalar(1), 1), NOP, Halt()]
    rising = sum(2 + n for n in range(1, 60))
    assert skim(outline(code), 0, [0] * 16, 10**12).words == 2 + rising + (10**9 - 59) * 62


def walked_sizes(entry, code, words=()):
    program = replace(SOUND, code=(*code, Halt()), entries=(entry,), symbols=(), data=b"")
    return chosen(entry, candidates(program, entry, outline(program.code), TARGET))


def entry_of(*dimensions, registers=(), scratch=()):
    return Entry("entry", 0, dimensions, registers, (), scratch)


def test_loops_run_0_1_2_and_3_times():
    entry = entry_of(Dimension("T", 0, 0, 10**6))
    found = walked_sizes(entry, [Loop(0, Scalar(0), 1), NOP])
    assert {each.host.sizes["T"] for each in found} == {0, 1, 2, 3}


def test_chunks_of_many_rows_are_reached_by_the_shortest_walk():
    """128 rows at a time: 9 steps of 16 rows are fewer words than 129 steps of one."""
    chunks = Expression(("T", "B"), 1, 128, -1)
    entry = entry_of(
        Dimension("T", 0, 1, 10**6), Dimension("B", 1, 1, 16), registers=((2, chunks),)
    )
    code = [Loop(0, Scalar(0), 20), *[NOP] * 20, Loop(0, Scalar(2), 1), NOP]
    sizes = [each.host.sizes for each in walked_sizes(entry, code)]
    assert {chunks.value(each) for each in sizes} >= {0, 1, 2}
    assert max(each["T"] for each in sizes) < 40


def test_rings_wrap():
    entry = entry_of(Dimension("T", 0, 0, 10**6))
    code = [Stride(1, 0, 8, modulo=64), Loop(0, Scalar(0), 1), NOP]
    assert max(each.host.sizes["T"] for each in walked_sizes(entry, code)) == 9


def test_walks_are_bounded_but_for_the_first_and_for_loops_that_run_in_no_other():
    entry = entry_of(Dimension("T", 0, 1, 10**6), registers=((2, Expression(("T",), 1, 300, -1)),))
    code = [Loop(0, Scalar(0), 5000), *[NOP] * 5000]
    found = walked_sizes(entry, code)
    assert [each.host.sizes["T"] for each in found] == [1]
    code = [Loop(0, Scalar(0), 50), *[NOP] * 50, Loop(0, Scalar(2), 1), NOP]
    *small, last = walked_sizes(entry, code)
    assert last.host.sizes["T"] == 385
    assert max(each.skimmed.words for each in small) < MAX_WORDS < last.skimmed.words


def test_many_dimensions_stay_few_walks():
    names = "ABCDEFG"
    entry = entry_of(*(Dimension(name, n, 1, 10**6) for n, name in enumerate(names)))
    found = walked_sizes(entry, [NOP])
    assert len(found) < 300
    assert {1, 2, 3} <= {each.host.sizes["A"] for each in found}


def test_sizes_that_dram_has_no_room_for_are_left_out():
    more_than_half = Expression(("T",), TARGET.dram.size_bytes // 2, 1, 1)
    entry = entry_of(Dimension("T", 0, 1, 9), scratch=(Scratch("s", 3, more_than_half),))
    assert {each.host.sizes["T"] for each in walked_sizes(entry, [NOP])} == {1}


def test_the_largest_sizes_need_not_fit():
    scratch = (Scratch("s", 3, Expression(("T",), 10**6)),)
    entry = entry_of(Dimension("T", 0, 1, 10**6), scratch=scratch)
    code = (Loop(0, Scalar(0), 1), NOP, Halt())
    program = replace(SOUND, code=code, entries=(entry,), symbols=())
    found = largest(program, entry, outline(program.code))
    assert found.skimmed.running == {0}
    assert not fits(found.host, TARGET.dram.size_bytes)


def port(name, direction, register, offset, rows):
    axes = ("T", 10)
    return Port(name, direction, register, "i8", 1.0, 0, -1, 1, axes, (0, 1), 10, rows, offset)


def test_areas_lie_apart_but_within_a_block():
    entry = Entry(
        "entry",
        0,
        (Dimension("T", 0, 1, 9),),
        ((1, Expression(("T",), 3)),),
        (
            port("c", "out", 4, 2, Expression(plus=2)),
            port("h", "in", 4, 0, Expression(plus=2)),
        ),
        (Scratch("s", 5, Expression(("T",), 40)),),
    )
    host = prepared(entry, {"T": 3}, 100)
    h, c, scratch = host.areas
    assert (host.mailbox[0], host.mailbox[1]) == (3, 9)
    start = 16 * host.mailbox[4]
    assert h == Area("h", start, start + 32, False)
    assert c == Area("c", start + 32, start + 64, True)
    assert (scratch.start, scratch.stop - scratch.start) == (16 * host.mailbox[5], 128)
    assert h.start > 100 + 10**4 and scratch.start > c.stop + 10**4 and host.stop == scratch.stop
