"""The order in which words are issued, and the registers that they see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Fill, Halt, Loop, Nop, SetA, SetS, Stride
from q4compile.isa.issue import TooManyWords, Unissuable, issue
from q4compile.isa.operand import MAX_UNITS, Address, Scalar

NOP = Nop(Engine.LD)


def run(*code, mailbox=(), max_words=1000):
    return list(issue(code, 0, (*mailbox, *(16 - len(mailbox)) * (0,)), max_words))


def seen(*code, register=1, mailbox=()):
    """A[register] at each Nop."""
    return [
        each.at.a[register]
        for each in run(*code, Halt(), mailbox=mailbox)
        if isinstance(each.word, Nop)
    ]


def test_each_word_with_the_registers_before_it():
    words = run(SetS(2, 5, 3, 0), SetA(1, 7, 2, 2, -1, 1), NOP, Halt(), mailbox=(4, 1))
    assert [each.index for each in words] == [0, 1, 2, 3]
    assert [each.at.s[2] for each in words] == [0, 17, 17, 17]
    assert [each.at.a[1] for each in words] == [0, 0, 40, 40]


@pytest.mark.parametrize(("left", "rows"), [(130, 128), (128, 128), (2, 2), (-1, -1)])
def test_no_more_than_asked_for(left, rows):
    words = run(SetS(2, 0, 1, 0, most=128), SetS(3, 0, 1, 0), Halt(), mailbox=(left,))
    assert words[-1].at.s[2:4] == (rows, left)


@given(st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_nested_loops(counts):
    a, b, c = counts
    code = (Loop(0, a, 5), NOP, Loop(1, Scalar(0), 3), NOP, Loop(3, c, 1), NOP, Halt())
    indices = [each.index for each in run(*code, mailbox=(b,))]
    inner = [3, 4, *[5] * c]
    assert indices == [0, *a * [1, 2, *b * inner], 6]


def test_loops_that_end_together_step_from_the_inside_out():
    code = (Stride(1, 0, 100), Loop(0, 2, 3), Stride(1, 1, 1), Loop(1, 3, 1), NOP)
    assert seen(*code) == [0, 1, 2, 103, 104, 105]


def test_a_stride_keeps_what_it_read_and_ends_with_its_loop():
    code = (Stride(1, 0, 1, 10, 0), SetS(0, 9), Loop(0, 2, 1), NOP, Loop(0, 2, 1), NOP, NOP)
    assert seen(*code, mailbox=(2,)) == [0, 21, 42, 42, 42]


def test_rings_wrap_at_the_value_that_the_stride_found():
    code = (SetA(1, 50), Stride(1, 0, 8, modulo=24), Loop(0, 5, 1), NOP)
    assert seen(*code) == [50, 58, 66, 50, 58]


def test_a_loop_of_no_iterations_takes_its_strides_with_it():
    code = (Stride(1, 0, 8), Loop(0, 0, 1), NOP, Loop(0, 2, 1), NOP)
    assert seen(*code) == [0, 0]


def test_the_last_stride_counts_for_a_register_and_level():
    code = (Stride(1, 0, 8), Stride(2, 0, 1), Stride(1, 0, 2), Loop(0, 2, 1), NOP)
    assert seen(*code) == [0, 2]
    assert seen(*code, register=2) == [0, 1]


def test_a_register_may_run_off_at_the_end():
    assert seen(Stride(1, 0, -1), Loop(0, 2, 1), NOP, NOP) == [0, MAX_UNITS, MAX_UNITS - 1]


ROWS = Fill(Address(0), Scalar(3), 1, 1, 0)


@pytest.mark.parametrize(
    "code, text",
    [
        ((SetS(0, 2**31 - 1), SetS(0, 1, 1, 0)), "word 1: S0 in int32, not 2147483648"),
        ((SetS(0, -1), SetA(1, 0, 1)), "word 1: A1 in 0 to 268435455 units, not -1"),
        ((SetS(3, -1), ROWS), "word 1: rows from 0 on, not -1"),
        ((SetS(3, -1), Loop(0, Scalar(3), 1), NOP), "word 1: iterations from 0 on, not -1"),
        ((Stride(1, 1, 4), Loop(0, 1, 1), NOP), "word 0: a loop at level 1 behind this stride"),
    ],
)
def test_what_cannot_be_issued(code, text):
    with pytest.raises(Unissuable) as caught:
        run(*code, Halt())
    assert str(caught.value).startswith(text)


def test_the_number_of_words_is_bounded():
    code = (Loop(0, 2**32 - 1, 1), NOP, Halt())
    with pytest.raises(TooManyWords, match="word 0: an end within 1000 words, not more"):
        run(*code)
    assert len(run(Loop(0, 998, 1), NOP, Halt())) == 1000
